import type { Address } from '../../../src/core/address.ts'
import { systemClock } from '../../../src/memory/clock.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { encodeCommand, type RawPublisherOptions, rawPublisher } from '../../support/rawZmtp.ts'
import { until } from '../../support/until.ts'
import { closers, listOf, testGateway, testNotifier } from '../../support/zeromq.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

const FORMS = [
  ['messages', 0, '+', '-'],
  ['commands', 1, 'SUBSCRIBE ', 'CANCEL '],
] as const
const MANY = 20_000
/** Almost 600 bytes on the wire, so that the kernel takes no more than some thousands of them. */
const long = (n: number): Address => `user:${n}${'%'.repeat(190)}`

/** A gateway that follows some users, and a peer that was told nothing yet. */
async function pair(options: RawPublisherOptions, { followed = 0, clock = systemClock, address = long } = {}) {
  const peer = defer(await rawPublisher(options))
  const list = listOf()
  const gateway = await testGateway(list, clock)
  defer(gateway.input)
  for (let n = 0; n < followed; n++) void gateway.input.follow(address(n))
  list.set(peer.address)
  return { ...gateway, peer }
}

test.each(FORMS)('a peer of its version is told of filters as %s, !ready| last', async (_, minor, follows, leaves) => {
  const { peer, input } = await pair({ minor }, { followed: 3, address: (n) => `user:${n}` })
  await until('it is told', () => peer.told.includes(`${leaves}!ready|`))
  const introduction = [`${follows}!heartbeat|`, ...[0, 1, 2].map((n) => `${follows}${n}|`)]
  expect(peer.told).toEqual([...introduction, `${follows}!ready|`, `${leaves}!ready|`])
  input.unfollow('user:1')
  await input.follow('channel:news')
  await until('it is told', () => peer.told.length === 8)
  expect(peer.told.slice(-2)).toEqual([`${leaves}1|`, `${follows}#news|`])
})

test('who comes and goes while a peer is told of thousands is told once, in order, and nobody is taken back unheard', async () => {
  const { peer, input, count } = await pair({ minor: 1, isDeaf: true }, { followed: MANY })
  await until('it is there', () => peer.peers === 1)
  for (let n = 0; n < 10; n++) {
    await input.follow(`user:new${n}`)
    input.unfollow(long(n))
    input.unfollow(long(MANY - 1 - n))
    input.unfollow(`user:new${n}`)
    await input.follow(`user:new${n}`)
  }
  expect(count('notifier.connected')).toBe(0)
  peer.listen()
  await until('it was told of all', () => peer.told.includes('CANCEL !ready|'))
  const standing = new Set<string>()
  for (const [what, filter] of peer.told.map((word) => word.split(' ')) as [string, string][]) {
    if (what === 'PING') continue
    if (standing.has(filter) !== (what === 'CANCEL')) throw new Error(`${what} ${filter} makes no sense`)
    if (what === 'CANCEL') standing.delete(filter)
    else standing.add(filter)
  }
  expect(standing.size).toBe(1 + MANY - 20 + 10)
})

test('a peer that is told of a hundred thousand users holds up nobody else', async () => {
  const { peer, count } = await pair({ minor: 1 }, { followed: 100_000, address: (n) => `user:${n}` })
  await until('it is there', () => peer.peers === 1)
  let turns = 0
  while (count('notifier.connected') === 0) {
    await new Promise((resolve) => setImmediate(resolve))
    turns++
  }
  expect(turns).toBeGreaterThan(40)
})

test('a peer that resets while it is told of thousands was never connected', async () => {
  const { peer, count } = await pair({ minor: 1, isDeaf: true }, { followed: MANY })
  await until('it is there', () => peer.peers === 1)
  peer.reset()
  await until('it is called again', () => peer.connections > 1)
  expect([count('notifier.connected'), count('notifier.disconnected')]).toEqual([0, 0])
})

test('a peer that is done before it has taken the filters is given up after 30 seconds, and the log says why', async () => {
  const clock = fakeClock()
  const { peer, seen, count } = await pair({ minor: 0, isDeaf: true }, { followed: MANY, clock })
  await until('it is there', () => peer.peers === 1)
  clock.advance(29_000)
  expect(peer.connections).toBe(1)
  clock.advance(1_000)
  await until('it is called again', () => peer.connections === 2)
  expect(seen).toContainEqual(['notifier.reconnected', { address: peer.address, reason: 'it takes no filters' }])
  expect(count('notifier.connected')).toBe(0)
})

test.each([
  ['before it has taken the first ones', MANY],
  ['when it stood already', 0],
])('a storm of filters towards a peer that reads none ends its connection at a bound, %s', async (_, followed) => {
  const { peer, input, seen } = await pair({ minor: 0, isDeaf: true }, { followed })
  await until('it is there', () => peer.peers === 1)
  let peak = 0
  for (let n = MANY; n < 140_000 && peer.connections === 1; n++) {
    void input.follow(long(n))
    if (n % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    peak = n
  }
  expect(peak).toBeLessThan(130_000)
  await until('the log says why', () =>
    seen.some(([name, facts]) => name === 'notifier.reconnected' && facts.reason === 'it takes no filters'),
  )
})

test('a peer that has said its last word, but takes no filters, is called again', async () => {
  const { peer } = await pair({ minor: 0, isDeaf: true }, { followed: MANY })
  await until('it is there', () => peer.peers === 1)
  peer.finish()
  await until('it is called again', () => peer.connections > 1)
})

test('a peer that asks for answers and reads none fills no memory', async () => {
  const { peer, count } = await pair({ minor: 1, isDeaf: true })
  await until('it is connected', () => count('notifier.connected') === 1)
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => encodeCommand('PING', '\0\u000athis is context')))
  const before = process.memoryUsage()
  for (let n = 0; n < 500; n++) await peer.sendRaw(pings)
  const after = process.memoryUsage()
  expect((after.external + after.heapUsed - before.external - before.heapUsed) / 1_048_576).toBeLessThan(40)
  await peer.send('42|"and on it goes"')
  expect(count('notifier.disconnected')).toBe(0)
})

test('100,000 followed users, some who come and go meanwhile, are all told again after a restart', async () => {
  const first = defer(await testNotifier())
  const { input, heard } = await testGateway(listOf(first.address), systemClock)
  defer(input)
  for (let n = 0; n < 100_000; n++) void input.follow(`user:${n}`)
  await until('all filters are there', () => first.filters.size === 100_001)
  await first.close()
  for (let n = 0; n < 500; n++) input.unfollow(`user:${n}`)
  const second = defer(await testNotifier(first.address))
  await until('some filters are there', () => second.filters.size > 1_000)
  for (let n = 0; n < 500; n++) {
    void input.follow(`user:late${n}`)
    input.unfollow(`user:${99_999 - n}`)
  }
  await until('it is told all', () => second.told.includes('-!ready|') && second.filters.has('late499|'))
  expect(second.filters.size).toBe(1 + 100_000 - 1_000 + 500)
  for (const user of ['500', '50000', '99499', 'late499', '0', '99999']) await second.send(`${user}|1`)
  await second.send('late0|"end"')
  await until('all are heard', () => heard.includes('late0 <- "end"'))
  expect(heard).toEqual([...['500', '50000', '99499', 'late499'].map((user) => `${user} <- 1`), 'late0 <- "end"'])
})
