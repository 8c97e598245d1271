import { fakeClock } from '../../support/fakeClock.ts'
import { rawPublisher } from '../../support/rawZmtp.ts'
import { until } from '../../support/until.ts'
import { closers, listOf, type TestGateway, testGateway, testNotifier, WIRES } from '../../support/zeromq.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

/** What was due has been judged. */
const turns = async () => {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe.each(WIRES)('over %s', (_, fast) => {
  async function gatewayFor(address: string, clock: ReturnType<typeof fakeClock>): Promise<TestGateway> {
    const gateway = await testGateway(listOf(address), clock, { fast })
    defer(gateway.input)
    return gateway
  }

  test('5 s without a heartbeat make a notifier suspect, 10 s have it dropped and connected anew', async () => {
    const clock = fakeClock()
    const notifier = defer(await testNotifier())
    const { input, heard, seen, count } = await gatewayFor(notifier.address, clock)
    await input.follow('user:42')
    await until('it is connected', () => notifier.told.includes('-!ready|'))
    clock.advance(60_000)
    await turns()
    expect(count('notifier.suspect')).toBe(0)

    await notifier.send('!heartbeat|', '{"source":"a","epoch":"1"}', '')
    await until('it beats', () => input.status()[0]?.lastMessageAt === clock.now())
    clock.advance(4_000)
    await notifier.send('42|"a sign of life"')
    await until('it is heard', () => heard.length === 1)
    clock.advance(4_900)
    await turns()
    expect(count('notifier.suspect')).toBe(0)
    clock.advance(100)
    await turns()
    expect(seen.at(-1)).toEqual(['notifier.suspect', { address: notifier.address, silentMs: 5_000 }])
    expect(input.status()[0]?.suspect).toBe(true)

    clock.advance(5_000)
    await turns()
    expect(seen).toContainEqual(['notifier.reconnected', { address: notifier.address, reason: 'no heartbeat' }])
    await until('it is connected again', () => count('notifier.connected') === 2)
    await until('its filters are back', () => notifier.told.filter((word) => word === '-!ready|').length === 2)
    clock.advance(60_000)
    await turns()
    expect(count('notifier.suspect')).toBe(1)
    await notifier.send('42|"back"')
    await until('it is heard', () => heard.length === 2)
    expect(input.status()[0]).toMatchObject({ connected: true, suspect: false })
  })

  test('a gateway that was busy for long blames nobody for what it has not read yet', async () => {
    const clock = fakeClock()
    const notifier = defer(await testNotifier())
    const { input, heard, count } = await gatewayFor(notifier.address, clock)
    await until('it is connected', () => notifier.told.includes('-!ready|'))
    await notifier.send('!heartbeat|', '{}', '')
    await until('it beats', () => input.status()[0]?.lastMessageAt !== undefined)
    void notifier.send('!heartbeat|', '{}', '')
    // Nothing of ours runs while libzmq's threads carry the second one over.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    clock.advance(12_000)
    await turns()
    expect(count('notifier.suspect')).toBe(0)
    expect(count('notifier.reconnected')).toBe(0)
    await input.follow('user:42')
    await until('it knows', () => notifier.filters.has('42|'))
    await notifier.send('42|1')
    await until('it is heard', () => heard.length === 1)
  })

  test('what comes in the place of a suspect notifier is not suspect, even if it says nothing', async () => {
    const clock = fakeClock()
    const hanging = defer(await testNotifier())
    const { input, count } = await gatewayFor(hanging.address, clock)
    await until('it is connected', () => hanging.told.includes('-!ready|'))
    await hanging.send('!heartbeat|', '{}', '')
    await until('it beats', () => input.status()[0]?.lastMessageAt !== undefined)
    clock.advance(5_000)
    await turns()
    expect(input.status()[0]).toMatchObject({ connected: true, suspect: true })
    await hanging.close()
    await until('its end was seen', () => count('notifier.disconnected') === 1)
    const silent = defer(await testNotifier(hanging.address))
    await until('the next one is connected', () => silent.told.includes('-!ready|'))
    clock.advance(60_000)
    await turns()
    expect(input.status()[0]).toMatchObject({ connected: true, suspect: false })
  })

  test('who was dropped for its silence stays suspect until it says something', async () => {
    const clock = fakeClock()
    const notifier = defer(await testNotifier())
    const { input, count } = await gatewayFor(notifier.address, clock)
    await until('it is connected', () => notifier.told.includes('-!ready|'))
    await notifier.send('!heartbeat|', '{}', '')
    await until('it beats', () => input.status()[0]?.lastMessageAt !== undefined)
    clock.advance(5_000)
    await turns()
    clock.advance(5_000)
    await turns()
    await until('it is connected again', () => count('notifier.connected') === 2)
    expect(input.status()[0]).toMatchObject({ connected: true, suspect: true })
    await until('it knows', () => notifier.told.filter((word) => word === '-!ready|').length === 2)
    await notifier.send('!heartbeat|', '{}', '')
    await until('it is trusted again', () => input.status()[0]?.suspect === false)
  })
})

test('a notifier that beats before it has taken all filters keeps no gateway that closed busy', async () => {
  const clock = fakeClock()
  const notifier = defer(await rawPublisher({ minor: 1, isDeaf: true }))
  const list = listOf()
  const { input, count } = await testGateway(list, clock)
  for (let n = 0; n < 20_000; n++) void input.follow(`user:${n}${'%'.repeat(190)}`)
  list.set(notifier.address)
  await until('it is there', () => notifier.peers === 1)
  await notifier.send('!heartbeat|', '{}', '')
  await until('it beats', () => input.status()[0]?.lastMessageAt !== undefined)
  await input.close()
  await until('nothing waits any more', () => clock.timers === 0)
  clock.advance(60_000)
  await turns()
  expect([notifier.connections, count('notifier.suspect')]).toEqual([1, 0])
})
