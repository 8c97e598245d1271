import { createHook } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../src/memory/clock.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import {
  encodeCommand,
  encodeFrame,
  encodeMessage,
  greetingOf,
  longHeader,
  propertiesOf,
  type RawPublisherOptions,
  rawPublisher,
} from '../../support/rawZmtp.ts'
import { until } from '../../support/until.ts'
import { closers, listOf, testGateway, testNotifier } from '../../support/zeromq.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

const open = () =>
  process
    .getActiveResourcesInfo()
    .filter((name) => /TCP|Pipe|Timeout/.test(name))
    .sort()

const greeted = (...said: readonly Uint8Array[]) => ({ greeting: Buffer.concat([greetingOf(1), ...said]) })
const READY = encodeCommand('READY', propertiesOf('PUB'))
const shaken = (...said: readonly Uint8Array[]) => greeted(READY, ...said)

test.each<[string, RawPublisherOptions, string]>([
  ['HTTP', { greeting: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') }, 'it does not speak ZMTP 3'],
  ['TLS', { greeting: Buffer.of(0x15, 3, 1, 0, 2, 2, 40) }, 'it does not speak ZMTP 3'],
  ['noise', { greeting: Buffer.concat([Buffer.of(0), randomBytes(1_000)]) }, 'it does not speak ZMTP 3'],
  ['CURVE', { greeting: greetingOf(1, 'CURVE') }, 'it wants CURVE'],
  ['READY of a PULL', { socketType: 'PULL' }, 'its socket is no PUB or XPUB'],
  ['READY of nothing', { socketType: '' }, 'its socket is no PUB or XPUB'],
  ['half a READY', greeted(encodeCommand('READY', propertiesOf('PUB').subarray(0, 9))), 'its READY is cut off'],
  ['READY twice', shaken(READY), 'it is ready twice'],
  ['a message before READY', greeted(encodeMessage('42|"early"')), 'it speaks before it is ready'],
  ['ERROR', { refuse: true }, 'it refuses us: Go away'],
  ['ERROR later', shaken(encodeCommand('ERROR', '\u0003bye')), 'it refuses us: bye'],
  ['a command without a name', shaken(encodeFrame(Buffer.alloc(1), 4)), 'a command has no name'],
  ['a frame of 2^63 bytes', shaken(longHeader(2n ** 63n)), 'it sends more bytes than may be'],
  ['a message of a million parts', shaken(Buffer.alloc(2_000_000, Buffer.of(1, 0))), 'it sends more parts than may be'],
  ['frames of a later version', shaken(Buffer.of(0x80, 0)), 'a frame has reserved flags'],
])(
  'a notifier that says %s harms nobody, is named in the log, and is heard when it is another',
  async (_, options, reason) => {
    const before = open()
    const clock = fakeClock()
    const stranger = defer(await rawPublisher(options))
    const good = defer(await testNotifier())
    const gateway = await testGateway(listOf(stranger.address, good.address), clock)
    const { input, heard, seen, count } = gateway
    await input.follow('user:42')
    await until('it was cut', () => clock.timers > 0)
    await until('the good one is told', () => good.filters.has('42|'))
    await good.send('42|"good"')
    await until('it is heard', () => heard.length === 1)
    await stranger.close()
    const better = defer(await rawPublisher({ port: Number(stranger.address.split(':').at(-1)) }))
    clock.advance(5_000)
    expect(seen).toContainEqual(['notifier.reconnected', { address: stranger.address, reason }])
    await until('it is told', () => better.told.includes('+42|'))
    await better.send('42|"better"')
    await until('it is heard', () => heard.length === 2)
    expect(heard).toEqual(['42 <- "good"', '42 <- "better"'])
    expect(count('gateway.failed')).toBe(0)
    await input.close()
    await closeAll()
    expect(clock.timers).toBe(0)
    await until('nothing is left open', () => `${open()}` === `${before}`)
  },
)

test('a notifier that resets in the middle of a frame is called again at once, and the frame forgotten', async () => {
  const peer = defer(await rawPublisher())
  const gateway = await testGateway(listOf(peer.address), systemClock)
  const { input, heard, count } = gateway
  defer(input)
  await input.follow('user:42')
  for (let times = 1; times <= 3; times++) {
    await until('it is connected', () => count('notifier.connected') === times)
    await peer.sendRaw(encodeFrame(Buffer.from('42|'), 1))
    await peer.sendRaw(encodeFrame(Buffer.from('{"not":"whole"}'), 0).subarray(0, 9))
    peer.reset()
  }
  await until('it is connected', () => peer.peers === 1 && count('notifier.connected') === 4)
  await peer.send('42|"whole"')
  await until('it is heard', () => heard.length > 0)
  expect(heard).toEqual(['42 <- "whole"'])
  expect(count('notification.refused')).toBe(0)
})

test('a path that is a file, and later a socket, is heard then', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'heraldo-'))
  defer({ close: async () => rmSync(folder, { recursive: true }) })
  const path = join(folder, 'socket')
  writeFileSync(path, 'no socket')
  const { input, heard, count } = await testGateway(listOf(`ipc://${path}`), systemClock)
  defer(input)
  await input.follow('user:42')
  expect(count('notifier.refused')).toBe(0)
  rmSync(path)
  const peer = defer(await rawPublisher({ path }))
  await until('it is told', () => peer.told.includes('+42|'))
  await peer.send('42|1')
  await until('it is heard', () => heard.length === 1)
})

test('who falls silent, in the handshake or after it, is called again, and the log says why', async () => {
  const nothing = defer(await rawPublisher({ greeting: Buffer.alloc(0) }))
  const half = defer(await rawPublisher(greeted()))
  // Takes PINGs, and answers none.
  const frozen = defer(await rawPublisher({ minor: 1 }))
  const paused = defer(await rawPublisher(shaken()))
  const peers = [nothing, half, frozen, paused]
  const { input, seen, count } = await testGateway(listOf(...peers.map(({ address }) => address)), systemClock)
  defer(input)
  await until('all were called again', () => peers.every(({ connections }) => connections >= 2))
  const reasonsOf = ({ address }: { address: string }) =>
    seen.flatMap(([name, facts]) =>
      name === 'notifier.reconnected' && facts.address === address ? [facts.reason] : [],
    )
  expect(peers.map((peer) => reasonsOf(peer)[0])).toEqual([
    'it did not finish the handshake',
    'it did not finish the handshake',
    'it does not answer',
    'it does not answer',
  ])
  expect(frozen.told).toContain('PING')
  expect(count('gateway.failed')).toBe(0)
})

test('who ends each connection right after the handshake is called less and less often, not ten times a second', async () => {
  const clock = fakeClock()
  const peer = defer(await rawPublisher(shaken(encodeCommand('ERROR', '\u0003bye'))))
  const { input } = await testGateway(listOf(peer.address), clock)
  defer(input)
  for (const wait of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
    await until('it was cut', () => clock.timers > 0)
    const { connections } = peer
    clock.advance(wait - 1)
    expect(clock.timers).toBe(1)
    clock.advance(1)
    await until('it is called', () => peer.connections === connections + 1)
  }
})

test('a thousand dead notifiers are called at a pace that leaves us time, and one that lives is heard', async () => {
  let calls = 0
  const counting = createHook({ init: (_, type) => void (type === 'TCPCONNECTWRAP' && calls++) }).enable()
  defer({ close: async () => void counting.disable() })
  const dead = Array.from({ length: 1_000 }, (_, n) => `tcp://127.1.${n >> 8}.${n & 255}:1`)
  const good = defer(await testNotifier())
  const startedAt = performance.now()
  const { input, heard } = await testGateway(listOf(...dead, good.address), systemClock)
  defer(input)
  await input.follow('user:42')
  await until('it is told', () => good.filters.has('42|'))
  await good.send('42|1')
  await until('it is heard', () => heard.length === 1)
  await until('each would have been called seven times', () => performance.now() - startedAt > 3_000)
  expect(calls).toBeGreaterThan(1_000)
  // 500 a second, jitter, and the first call of each.
  expect(calls).toBeLessThan(1_000 + 1.2 * (performance.now() - startedAt))
})
