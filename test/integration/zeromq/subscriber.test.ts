import { Publisher } from 'zeromq'
import type { Address } from '../../../src/core/address.ts'
import { systemClock } from '../../../src/memory/clock.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { rawPublisher } from '../../support/rawZmtp.ts'
import { until } from '../../support/until.ts'
import { closers, listOf, type TestGateway, testGateway, testNotifier, WIRES } from '../../support/zeromq.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

const SOME: readonly Address[] = ['user:42', 'channel:news', 'everyone']

describe.each(WIRES)('over %s', (_, fast) => {
  async function gatewayFor(addresses: readonly string[], clock = systemClock): Promise<TestGateway> {
    const gateway = await testGateway(listOf(...addresses), clock, { fast })
    defer(gateway.input)
    return gateway
  }

  test('short and full form from an XPUB reach who follows, each in its own words', async () => {
    const notifier = defer(await testNotifier())
    const { input, heard, submissions, origins } = await gatewayFor([notifier.address])
    await Promise.all(SOME.map((address) => input.follow(address)))
    await until('the filters have arrived', () => notifier.filters.has('*|'))
    await notifier.send('42|{"text":"short"}')
    await notifier.send('#news|', '{"type":"headline"}', '{"text":"full"}')
    await notifier.send('*|"all"')
    await until('all have arrived', () => heard.length === 3)
    expect(heard).toEqual(['42 <- {"text":"short"}', '#news <- {"text":"full"}', '* <- "all"'])
    expect(submissions[0]?.header).toBeUndefined()
    expect(`${submissions[1]?.header}`).toBe('{"type":"headline"}')
    expect(origins[0]).toMatchObject({ input: 'zeromq', source: notifier.address, reach: 'every-node' })
  })

  test('a plain PUB of the system of 2013 is heard', async () => {
    const pub = new Publisher({ linger: 0 })
    await pub.bind('tcp://127.0.0.1:*')
    defer({ close: async () => pub.close() })
    const { input, heard } = await gatewayFor([pub.lastEndpoint ?? ''])
    await input.follow('user:42')
    await until('it is heard', async () => {
      // A PUB takes filters in only when it sends.
      await pub.send('42|{"n":1}')
      return heard.length > 0
    })
    expect(heard[0]).toBe('42 <- {"n":1}')
  })

  test('42 never hears what 420 and 4 are told', async () => {
    const notifier = defer(await testNotifier())
    const { input, heard } = await gatewayFor([notifier.address])
    await input.follow('user:42')
    await until('the filter has arrived', () => notifier.filters.has('42|'))
    await notifier.send('420|"wrong"')
    await notifier.send('4|"wrong"')
    await notifier.send('42|"right"')
    await until('it has arrived', () => heard.length > 0)
    expect(heard).toEqual(['42 <- "right"'])
  })

  test('a notifier that ignores filters reaches nobody who did not ask, and what it tried is counted', async () => {
    const peer = defer(await rawPublisher())
    const { input, heard, seen, count } = await gatewayFor([peer.address])
    await input.follow('user:42')
    await until('it is connected', () => count('notifier.connected') === 1)
    await peer.send('43|"for somebody elsewhere"')
    await peer.send('!secret|"control"')
    await peer.send('!heartbeat|', '{}', '')
    await peer.send('42|"mine"')
    await until('mine has arrived', () => heard.length > 0)
    expect(heard).toEqual(['42 <- "mine"'])
    const drops = seen.filter(([name]) => name.startsWith('notification.'))
    expect(drops).toEqual([
      ['notification.unfollowed', { input: 'zeromq', source: peer.address }],
      ['notification.unfollowed', { input: 'zeromq', source: peer.address }],
    ])
  })

  test('messages of any shape are counted by reason, and the next good one is heard', async () => {
    const peer = defer(await rawPublisher())
    const { input, heard, seen, count } = await gatewayFor([peer.address])
    await input.follow('user:42')
    await until('it is connected', () => count('notifier.connected') === 1)
    await peer.send('no bar at all')
    await peer.send('')
    await peer.send('|{}')
    await peer.send('', '', '')
    await peer.send('42|', '{}')
    await peer.send(...Array.from({ length: 65 }, () => '42|'))
    await peer.send(new Uint8Array([0xff, 0xfe, 0x7c, 0x31]))
    await peer.send('42|{}')
    await until('the good one has arrived', () => heard.length > 0)
    const codes = seen.flatMap(([name, facts]) => (name === 'notification.refused' ? [facts.code] : []))
    expect(codes).toEqual([
      'draft.recipient',
      'draft.recipient',
      'draft.recipient',
      'draft.recipient',
      'draft.frames',
      'draft.frames',
      'draft.notUtf8',
    ])
    expect(seen.find(([name]) => name === 'notification.refused')?.[1]).toMatchObject({
      input: 'zeromq',
      source: peer.address,
    })
  })

  test('!ready| comes after every filter, at the connect and after a restart of the notifier', async () => {
    const first = defer(await testNotifier())
    const { input } = await gatewayFor([first.address])
    await Promise.all(Array.from({ length: 5_000 }, (_, i) => input.follow(`user:${i}`)))
    await until('the notifier sees that it is heard', () => first.told.includes('-!ready|'))
    expect(first.told).toHaveLength(5_003)
    expect(first.told.slice(-2)).toEqual(['+!ready|', '-!ready|'])
    await first.close()
    const second = defer(await testNotifier(first.address))
    await until('the notifier sees it again', () => second.told.includes('-!ready|'))
    expect(second.told).toHaveLength(5_003)
    expect(second.told.slice(-2)).toEqual(['+!ready|', '-!ready|'])
    expect(second.told).toContain('+!heartbeat|')
  })

  test('20,000 followed users are all heard again after the notifier was restarted', async () => {
    const users = Array.from({ length: 20_000 }, (_, i) => `${i}`)
    const first = defer(await testNotifier())
    const { input, heard } = await gatewayFor([first.address])
    await Promise.all(users.map((user) => input.follow(`user:${user}`)))
    expect(input.filters).toBe(20_000)
    await until('all filters are there', () => first.filters.size === 20_001)
    await first.close()
    const second = defer(await testNotifier(first.address))
    await until('all filters are there again', () => second.filters.size === 20_001)
    for (const user of users) await second.send(`${user}|${user}`)
    await until('all are heard', () => heard.length === users.length)
    expect(new Set(heard)).toEqual(new Set(users.map((user) => `${user} <- ${user}`)))
  })

  test('unfollowing everybody leaves one filter at the notifier: the heartbeat', async () => {
    const notifier = defer(await testNotifier())
    const { input } = await gatewayFor([notifier.address])
    for (let i = 0; i < 3_000; i++) void input.follow(`user:${i}`)
    for (let i = 0; i < 3_000; i++) input.unfollow(`user:${i}`)
    await input.follow('user:last')
    await until('the last one has arrived', () => notifier.filters.has('last|'))
    input.unfollow('user:last')
    await until('it is gone', () => !notifier.filters.has('last|'))
    expect([...notifier.filters].filter((filter) => !filter.startsWith('!ready'))).toEqual(['!heartbeat|'])
    expect(input.filters).toBe(0)
  })

  test('following again right after unfollowing leaves the filter standing', async () => {
    const notifier = defer(await testNotifier())
    const { input, heard } = await gatewayFor([notifier.address])
    for (let i = 0; i < 1_500; i++) {
      void input.follow('user:42')
      input.unfollow('user:42')
    }
    await input.follow('user:42')
    await input.follow('user:end')
    await until('the end has arrived', () => notifier.filters.has('end|'))
    expect(notifier.filters.has('42|')).toBe(true)
    await notifier.send('42|1')
    await until('it is heard', () => heard.length === 1)
  })

  test('a notifier that is added hears of all who are followed; one that is removed is let go', async () => {
    const one = defer(await testNotifier())
    const two = defer(await testNotifier())
    const list = listOf(one.address)
    const { input, heard, count } = await testGateway(list, systemClock, { fast })
    defer(input)
    await input.follow('user:42')
    list.set(one.address, two.address)
    await until('the second knows', () => two.filters.has('42|'))
    await until('both are connected', () => input.status().every(({ connected }) => connected))
    list.set(two.address)
    await until('the first was left', () => one.filters.size === 0)
    await two.send('42|"still here"')
    await until('it is heard', () => heard.length === 1)
    expect(input.status()).toEqual([
      { address: two.address, connected: true, suspect: false, lastMessageAt: expect.any(Number) },
    ])
    expect(count('notifier.added')).toBe(2)
    expect(count('notifier.removed')).toBe(1)
    expect(count('notifier.connected')).toBe(2)
    expect(count('notifier.disconnected')).toBe(1)
  })

  test('a list with nonsense, port 1 and an address where nobody listens harms nobody else', async () => {
    const good = defer(await testNotifier())
    const nonsense = ['nonsense', 'tcp://*:5', 'tcp://127.0.0.1:99999', '', 'x'.repeat(5_000)]
    const dead = ['tcp://127.0.0.1:1', 'ipc:///nowhere/at/all.sock', 'tcp://nobody.invalid:5']
    const list = listOf(...nonsense, ...dead, good.address)
    const { input, heard, seen, count } = await testGateway(list, systemClock, { fast })
    defer(input)
    await input.follow('user:42')
    await until('the good one knows', () => good.filters.has('42|'))
    await good.send('42|1')
    await until('it is heard', () => heard.length === 1)
    expect(count('notifier.refused')).toBe(nonsense.length)
    list.set(...nonsense, ...dead, good.address)
    expect(count('notifier.refused')).toBe(nonsense.length)
    expect(input.status().filter(({ connected }) => connected)).toHaveLength(1)
    expect(input.status()).toHaveLength(dead.length + 1)
    expect(count('gateway.failed')).toBe(0)
    for (const [, facts] of seen) expect(JSON.stringify(facts).length).toBeLessThan(400)
  })

  test('a notifier that refuses us is tried again after five seconds', async () => {
    const clock = fakeClock()
    const refusing = defer(await rawPublisher({ refuse: true }))
    const { input, heard, count } = await gatewayFor([refusing.address], clock)
    await input.follow('user:42')
    await until('the watchdog is set', () => clock.timers > 0)
    await refusing.close()
    const port = Number(refusing.address.split(':').at(-1))
    const peer = defer(await rawPublisher({ port }))
    clock.advance(4_900)
    expect(peer.peers).toBe(0)
    clock.advance(200)
    await until('it is connected', () => count('notifier.connected') === 1)
    expect(count('notifier.reconnected')).toBe(1)
    await peer.send('42|1')
    await until('it is heard', () => heard.length === 1)
  })

  test('a message beyond every bound costs its sender the connection, for five seconds', async () => {
    const clock = fakeClock()
    const peer = defer(await rawPublisher())
    const { input, heard, count } = await gatewayFor([peer.address], clock)
    await input.follow('user:42')
    await until('it is connected', () => count('notifier.connected') === 1)
    await peer.send('42|"before"')
    await peer.send(`42|"${'x'.repeat(1_100_000)}"`)
    await until('it was cut', () => count('notifier.disconnected') === 1)
    await until('what came before was heard', () => heard.length === 1)
    expect(heard).toEqual(['42 <- "before"'])
    await until('the watchdog is set', () => clock.timers > 0)
    clock.advance(5_000)
    await until('it is connected again', () => count('notifier.connected') === 2)
    await peer.send('42|"after"')
    await until('it is heard', () => heard.length === 2)
  })

  test('a thousand users who come and go while a notifier restarts leave no filter behind', async () => {
    const first = defer(await testNotifier())
    const { input } = await gatewayFor([first.address])
    await until('it is connected', () => first.told.includes('-!ready|'))
    for (let i = 0; i < 500; i++) void input.follow(`user:${i}`)
    await first.close()
    for (let i = 0; i < 1_000; i++) void input.follow(`user:${i + 500}`)
    for (let i = 0; i < 1_500; i++) input.unfollow(`user:${i}`)
    const second = defer(await testNotifier(first.address))
    await until('it is connected again', () => second.told.includes('-!ready|'))
    expect([...second.filters]).toEqual(['!heartbeat|'])
  })
})
