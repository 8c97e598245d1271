import type { Address } from '../../src/core/address.ts'
import { GatewayError, sessionRefused } from '../../src/core/errors.ts'
import { Events } from '../../src/core/events.ts'
import { Follows } from '../../src/core/follows.ts'
import { Hub } from '../../src/core/hub.ts'
import type { Farewell } from '../../src/core/notification.ts'
import type { Connection, SessionResolver, Transport } from '../../src/core/ports.ts'
import type { Handshake, Session } from '../../src/core/session.ts'
import { Gateway } from '../../src/gateway.ts'
import { memoryBroker } from '../../src/memory/broker.ts'
import { memoryInbox } from '../../src/memory/inbox.ts'
import { NotificationPipe } from '../../src/notificationPipe.ts'
import { fakeClock } from '../support/fakeClock.ts'

const NO_LIMITS = { perUser: 0, perAddress: 0, handshakesPerSecond: 0 }
const handshake = (token: string | undefined, at = 0): Handshake => ({
  cookie: undefined,
  authorization: undefined,
  token,
  remoteAddress: '10.0.0.1',
  at,
})

const loggedOut = new Set<string>()
/** What was judged has been answered. */
const settled = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

/** Knows everybody by the name they give, but for those whose names say otherwise. */
const byName: SessionResolver = {
  name: 'name',
  async resolve({ token }) {
    if (token === undefined) return null
    if (token === 'forged') throw sessionRefused('BAD_SIGNATURE')
    if (token === 'broken') throw new TypeError('a bug')
    if (loggedOut.has(token)) throw sessionRefused('NO_SESSION')
    if (token === 'shortLived again') return { user: { id: 'shortLived' }, via: 'name', expiresAt: undefined }
    return { user: { id: token }, via: 'name', expiresAt: token === 'shortLived' ? 1_763_750_060_000 : undefined }
  },
}

function house(limits: Partial<typeof NO_LIMITS> = {}) {
  const clock = fakeClock()
  const events = new Events()
  const hub = new Hub()
  const filters = new Set<Address>()
  const held: (() => void)[] = []
  const slow = { hold: false }
  const follower = {
    follow: (address: Address) => {
      filters.add(address)
      return slow.hold ? new Promise<void>((resolve) => void held.push(resolve)) : Promise.resolve()
    },
    unfollow: (address: Address) => void filters.delete(address),
  }
  let ids = 0
  let epochs = 0
  const inbox = memoryInbox({ clock, newEpoch: () => `epoch-${++epochs}`, keep: 100, days: 30, maxResumeBytes: 65_536 })
  const pipe = new NotificationPipe({
    hub,
    broker: memoryBroker(),
    inbox,
    events,
    clock,
    newId: () => `made-${++ids}`,
    maxBytes: 1024,
  })
  const follows = new Follows([follower, pipe], clock, 5000)
  const gateway = new Gateway({
    resolvers: [byName],
    hub,
    follows,
    events,
    clock,
    random: () => 0.5,
    inbox,
    spreadMs: 5000,
    sessionCheckMs: 60_000,
    limits: { ...NO_LIMITS, ...limits },
  })
  const idle = clock.timers
  const said: string[] = []
  const transport: Transport = {
    name: 'test',
    open: async () => {},
    close: async () => {},
    greet: (connection, hello) => void said.push(`${connection.id} hello ${hello.user.id} ${hello.mode}`),
    report: () => {},
    write: (connections, n) =>
      void said.push(`${connections.map(({ id }) => id).join()} ${n.id} ${Buffer.from(n.body)}`),
    dismiss: (connection: Connection, farewell: Farewell) => void said.push(`${connection.id} bye ${farewell.code}`),
  }
  const come = async (user: string, id: string, remoteAddress = '10.0.0.1') => {
    const session: Session = await gateway.admit(handshake(user), 'test')
    const connection: Connection = { id, session, transport, handshake: { ...handshake(user), remoteAddress } }
    gateway.open(connection)
    return connection
  }
  const publish = (to: string, body: string, header?: object, source = 'tcp://a') =>
    pipe.accept(
      {
        to: [to],
        header: header === undefined ? undefined : Buffer.from(JSON.stringify(header)),
        body: Buffer.from(body),
      },
      { input: 'zeromq', source, arrivedAt: 0, reach: 'every-node' },
    )
  return {
    clock,
    events,
    hub,
    filters,
    follows,
    gateway,
    pipe,
    said,
    come,
    publish,
    slow,
    /** Beyond those of a house with nobody in it. */
    timers: () => clock.timers - idle,
    release() {
      for (const go of held) go()
    },
  }
}

const refusal = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof GatewayError)) throw new Error(`not refused: ${String(error)}`)
  return error
}

describe('a browser that comes', () => {
  test('is greeted, then hears what is for its user and for everyone, on every tab', async () => {
    const { come, gateway, publish, said } = house()
    for (const [user, id] of [
      ['42', 'a'],
      ['42', 'b'],
      ['43', 'c'],
      ['420', 'd'],
    ] as const)
      await gateway.welcome(await come(user, id))
    said.length = 0
    publish('42', '"hi"')
    publish('*', '"all"')
    publish('44', '"nobody"')
    expect(said).toEqual(['a,b made-1 "hi"', 'a,b,c,d made-2 "all"'])
  })

  test('hears after its hello what came before it', async () => {
    const { come, gateway, publish, said, slow, release } = house()
    slow.hold = true
    const welcome = gateway.welcome(await come('42', 'a'))
    publish('42', '"early"')
    expect(said).toEqual([])
    release()
    await welcome
    publish('42', '"now"')
    expect(said).toEqual(['a hello 42 fresh', 'a made-1 "early"', 'a made-2 "now"'])
  })

  test('is refused with a code, and the operator hears the reason', async () => {
    const { gateway, events } = house()
    const heard: unknown[] = []
    events.on('connection.refused', ({ code, reason }) => void heard.push([code, reason]))
    expect((await refusal(gateway.admit(handshake(undefined), 'test'))).code).toBe('session.missing')
    expect((await refusal(gateway.admit(handshake('forged'), 'test'))).code).toBe('session.invalid')
    const bug = await refusal(gateway.admit(handshake('broken'), 'test'))
    expect(bug.toPublic()).toEqual({ code: 'internal', message: expect.not.stringContaining('a bug'), retry: true })
    expect(heard).toEqual([
      ['session.missing', 'NO_COOKIE'],
      ['session.invalid', 'BAD_SIGNATURE'],
      ['internal', undefined],
    ])
  })

  test('is refused when its session ended before it came', async () => {
    const { gateway } = house()
    expect((await refusal(gateway.admit(handshake('shortLived', 1_763_750_060_000), 'test'))).code).toBe(
      'session.expired',
    )
  })

  test('the eleventh tab of a user is refused, the tenth is not, and a place that was left is free again', async () => {
    const { come, gateway } = house({ perUser: 10 })
    const tabs = await Promise.all(Array.from({ length: 10 }, (_, i) => come('42', `tab ${i}`)))
    expect(await refusal(come('42', 'one too many'))).toMatchObject({ code: 'limit.connections', retry: true })
    await come('43', 'another user')
    gateway.close(tabs[3] as Connection, 'left')
    await come('42', 'in its place')
  })

  test('connections per address have a bound, and an IPv6 household is one address', async () => {
    const { come, gateway } = house({ perAddress: 1 })
    await come('42', 'a', '10.0.0.1')
    expect((await refusal(come('43', 'b', '10.0.0.1'))).code).toBe('limit.connections')
    await come('43', 'c', '10.0.0.2')
    const home = await come('42', 'd', '2001:db8:0:7::1')
    expect((await refusal(come('43', 'e', '2001:db8::7:a:b:c:d'))).code).toBe('limit.connections')
    await come('43', 'f', '2001:db8:0:8::1')
    gateway.close(home, 'left')
    await come('43', 'g', '2001:db8::7:a:b:c:d')
  })

  test('before anybody knows who it is takes one of so many places per address', async () => {
    const { come, events, gateway } = house({ perAddress: 2 })
    const refused: unknown[] = []
    events.on('connection.refused', ({ code, remoteAddress }) => void refused.push([code, remoteAddress]))
    // A tab that is admitted takes none of them.
    await come('42', 'a')
    const knock = (address = '10.0.0.1') => gateway.knock(address, 'test')
    const leave = knock()
    knock()
    expect(knock).toThrow(expect.objectContaining({ code: 'limit.connections', retry: true }))
    expect(refused).toEqual([['limit.connections', '10.0.0.1']])
    knock('10.0.0.2')
    leave()
    leave()
    knock()
    expect(knock).toThrow(GatewayError)
  })

  test('is one of so many handshakes per second, wherever it comes from', () => {
    const { clock, gateway } = house({ handshakesPerSecond: 2 })
    for (const address of ['10.0.0.1', '10.0.0.2']) gateway.knock(address, 'test')()
    expect(() => gateway.knock('10.0.0.3', 'test')).toThrow(expect.objectContaining({ code: 'limit.connections' }))
    clock.advance(1000)
    gateway.knock('10.0.0.3', 'test')
  })

  test('while draining is asked to come back', async () => {
    const { gateway } = house()
    gateway.drain()
    expect(await refusal(gateway.admit(handshake('42'), 'test'))).toMatchObject({
      code: 'draining',
      status: 503,
      retry: true,
    })
  })
})

describe('a browser that goes', () => {
  test('takes its filters with it, after the linger', async () => {
    const { come, gateway, filters, hub, clock, timers } = house()
    const a = await come('42', 'a')
    await gateway.welcome(a)
    expect(filters).toEqual(new Set(['user:42', 'everyone']))
    gateway.close(a, 'left')
    gateway.close(a, 'left')
    expect([hub.size, hub.addresses, gateway.users]).toEqual([0, 0, 0])
    clock.advance(5000)
    expect([filters.size, timers()]).toEqual([0, 0])
  })

  test('while its filters are on their way leaves nothing behind and is not greeted', async () => {
    const { come, gateway, filters, follows, hub, said, slow, release, clock } = house()
    slow.hold = true
    const a = await come('42', 'a')
    const welcome = gateway.welcome(a)
    gateway.close(a, 'left')
    release()
    await welcome
    clock.advance(5000)
    expect([said.length, hub.addresses, filters.size, follows.size]).toEqual([0, 0, 0, 0])
  })

  test('before it was welcomed leaves nothing behind, a thousand times', async () => {
    const { come, gateway, filters, follows, hub, said, clock, timers } = house()
    for (let i = 0; i < 1000; i++) {
      const connection = await come('42', `tab ${i}`)
      const welcome = i % 2 === 0 ? gateway.welcome(connection) : undefined
      gateway.close(connection, 'left')
      await welcome
      await gateway.welcome(connection)
    }
    clock.advance(5000)
    expect([said.length, hub.size, hub.addresses, gateway.users, filters.size, follows.size, timers()]).toEqual([
      0, 0, 0, 0, 0, 0, 0,
    ])
  })

  test('with its session is told that it expired', async () => {
    const { come, gateway, said, clock } = house()
    await gateway.welcome(await come('shortLived', 'a'))
    clock.advance(59_999)
    expect(said).toEqual(['a hello shortLived fresh'])
    clock.advance(1)
    await settled()
    expect(said.at(-1)).toBe('a bye expired')
  })

  test('is told so within about a minute when somebody logged out elsewhere', async () => {
    const { come, gateway, said, clock } = house()
    await gateway.welcome(await come('42', 'a'))
    loggedOut.add('42')
    clock.advance(60_000)
    await settled()
    loggedOut.clear()
    expect(said).toEqual(['a hello 42 fresh', 'a bye expired'])
  })

  test('can stay with a fresh token of the same user', async () => {
    const { come, gateway, said, clock, timers } = house()
    const connection = await come('shortLived', 'a')
    await gateway.welcome(connection)
    await expect(gateway.renew(connection, '43')).rejects.toMatchObject({ code: 'session.invalid' })
    await expect(gateway.renew(connection, 'forged')).rejects.toMatchObject({ code: 'session.invalid' })
    await expect(gateway.renew(connection, 'shortLived again')).resolves.toMatchObject({ user: { id: 'shortLived' } })
    clock.advance(60_000)
    await settled()
    expect(said).toEqual(['a hello shortLived fresh'])
    gateway.close(connection, 'left')
    clock.advance(5_000)
    expect(timers()).toBe(0)
  })
})

describe('a notification', () => {
  test('that is sent again with its id is shown once', async () => {
    const { come, gateway, publish, said } = house()
    await gateway.welcome(await come('42', 'a'))
    said.length = 0
    expect(publish('42', '1', { id: 'x', source: 'orders' })).toEqual({ ok: true, id: 'x', duplicate: false })
    expect(publish('42', '1', { id: 'x', source: 'orders' }, 'tcp://b')).toEqual({ ok: true, id: 'x', duplicate: true })
    publish('42', '2', { id: 'x', source: 'mail' })
    publish('42', '3', { id: 'x' }, 'tcp://a')
    publish('42', '4', { id: 'x' }, 'tcp://b')
    expect(said).toEqual(['a orders:x 1', 'a mail:x 2', 'a x 3', 'a x 4'])
  })

  test('cannot be made a duplicate by somebody who chooses ids with line breaks', async () => {
    const { publish } = house()
    publish('43', '1', { source: 's\nuser:42', id: 'i' })
    expect(publish('42', '1', { source: 's', id: 'user:43\ni' })).toMatchObject({ duplicate: false })
    publish('42', '1', { id: 'x' }, 'key-1')
    expect(publish('42', '1', { source: 'key-1', id: 'x' }, 'tcp://a')).toMatchObject({ duplicate: false })
  })

  test('that is refused says why and reaches nobody', async () => {
    const { come, gateway, publish, said, events } = house()
    const codes: string[] = []
    events.on('notification.refused', ({ code, source }) => void codes.push(`${code} ${source}`))
    await gateway.welcome(await come('42', 'a'))
    said.length = 0
    expect(publish('42', 'nonsense')).toMatchObject({ ok: false, error: { code: 'draft.notJson' } })
    expect(publish('', '1')).toMatchObject({ ok: false, error: { code: 'draft.recipient' } })
    expect(said).toEqual([])
    expect(codes).toEqual(['draft.notJson tcp://a', 'draft.recipient tcp://a'])
  })

  test('a hole in what a notifier counted is announced, but not one from before anybody followed', async () => {
    const { come, gateway, publish, events, clock } = house()
    const gaps: unknown[] = []
    events.on('live.gap', (gap) => void gaps.push(gap))
    const a = await come('42', 'a')
    await gateway.welcome(a)
    for (const seq of [5, 6, 9]) publish('42', '1', { source: 'orders', epoch: 'e', seq })
    expect(gaps).toEqual([{ source: 'orders', missed: 2 }])
    gateway.close(a, 'left')
    clock.advance(5000)
    await gateway.welcome(await come('42', 'b'))
    publish('42', '1', { source: 'orders', epoch: 'e', seq: 50 })
    expect(gaps).toHaveLength(1)
  })

  test('for many recipients is judged whole before anybody hears it', async () => {
    const { come, gateway, pipe, said } = house()
    await gateway.welcome(await come('42', 'a'))
    said.length = 0
    const origin = { input: 'http', source: 'test', arrivedAt: 0, reach: 'one-node' } as const
    expect(pipe.accept({ to: ['42', ''], header: undefined, body: Buffer.from('1') }, origin)).toMatchObject({
      ok: false,
    })
    expect(said).toEqual([])
    pipe.accept({ to: ['42', '43'], header: {}, body: Buffer.from('1') }, origin)
    expect(said).toHaveLength(1)
  })
})
