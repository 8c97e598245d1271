import { jest } from '@jest/globals'
import type { Farewell } from '../../../client/index.ts'
import { userAddress } from '../../../src/core/address.ts'
import type { Farewell as GatewayFarewell } from '../../../src/core/notification.ts'
import { Tab } from '../../../src/socketio/tab.ts'
import { SOCKETIO_LIMITS } from '../../../src/socketio/transport.ts'
import { closeClients, openClient } from '../../support/heraldoClient.ts'
import { freePort } from '../../support/redisServer.ts'
import { notificationOf, type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

let server: SocketioServer
beforeEach(async () => {
  server = await startSocketio({ limits: { ...SOCKETIO_LIMITS, retrySpreadMs: 300 } })
})
afterEach(async () => {
  closeClients()
  await server.stop()
})

const as = (token: string) => ({ auth: () => ({ token }) })

/** What everybody at the user's address is told when the gateway sends them away. */
function dismiss(user: string, code: GatewayFarewell['code'], retryInMs = 0): void {
  // The gateway and its client must mean the same by a farewell.
  const farewell: Farewell & GatewayFarewell = { code, retryInMs }
  const connection = server.lobby.connectionOf(user)
  connection.transport.dismiss(connection, farewell)
}

/** Writes a notification whose id the test chose. */
function send(user: string, id: string, body: string): void {
  const notification = notificationOf(userAddress(user), id, body)
  for (const group of server.lobby.hub.at(notification.to)) group.writer.write(group.connections, notification)
}

test.each(['websocket', 'polling'])(
  'a page hears its notifications over %s, and knows who it is',
  async (transport) => {
    const { heraldo, states, bodies, metas } = openClient(server.url, as('42'), { transports: [transport] })
    expect([heraldo.state, heraldo.reason, heraldo.user]).toEqual(['connecting', undefined, undefined])
    await until('it is connected', () => heraldo.state === 'connected')
    expect(heraldo.user).toEqual({ id: '42' })
    server.notify('42', '{"text":"¡hola!"}', { type: 'order.shipped', collapse: 'order-17' })
    server.notify('43', '"not for us"')
    server.notify('42', 'null')
    await until('both came', () => bodies.length === 2)
    expect(bodies).toEqual([{ text: '¡hola!' }, null])
    expect(metas[0]).toEqual({ id: 'n-1', type: 'order.shipped', at: 1_763_750_000_000, collapse: 'order-17' })
    expect(states).toEqual([['connected', undefined]])
  },
)

test('notifications may go under another name on the wire', async () => {
  const other = await startSocketio({ eventName: 'news' })
  const { heraldo, bodies } = openClient(other.url, { ...as('42'), event: 'news' })
  await until('it is connected', () => heraldo.state === 'connected')
  other.notify('42', '"hi"')
  await until('it came', () => bodies.length === 1)
  heraldo.close()
  await other.stop()
})

test('without auth a page is whom its cookie says, and a gateway that finds none refuses for good', async () => {
  const { heraldo, states } = openClient(server.url, {})
  await until('it is refused', () => heraldo.state === 'refused')
  expect(states).toEqual([['refused', 'session.missing']])
  expect(heraldo.reason).toEqual({ code: 'session.missing', message: expect.any(String) })
})

test('an id is shown once, also across reconnects, and again to another user', async () => {
  let token = '42'
  const { heraldo, bodies } = openClient(server.url, { auth: () => ({ token }) })
  await until('it is connected', () => heraldo.state === 'connected')
  send('42', 'orders:o-17', '"first"')
  send('42', 'orders:o-17', '"again"')
  send('42', 'orders:o-18', '"second"')
  await until('two came', () => bodies.length === 2)
  const [before] = server.lobby.handshakes
  dismiss('42', 'drain')
  await until('it is back', () => server.lobby.handshakes.length === 2 && heraldo.state === 'connected')
  expect(server.lobby.handshakes[1]?.token).toBe(before?.token)
  send('42', 'orders:o-17', '"once more"')
  send('42', 'orders:o-19', '"third"')
  await until('the third came', () => bodies.length === 3)
  expect(bodies).toEqual(['first', 'second', 'third'])
  token = '43'
  dismiss('42', 'drain')
  await until('it is back as another', () => heraldo.user?.id === '43')
  send('43', 'orders:o-17', '"for 43"')
  await until('it came', () => bodies.at(-1) === 'for 43')
})

test.each(['drain', 'slow'] as const)('after bye %s it comes back when it was told to', async (code) => {
  const { heraldo, states, byes } = openClient(server.url, as('42'))
  await until('it is connected', () => heraldo.state === 'connected')
  const before = performance.now()
  dismiss('42', code, 300)
  await until('it went', () => heraldo.state === 'reconnecting')
  await until('it is back', () => heraldo.state === 'connected')
  // The gateway spreads slow ones by itself.
  expect(byes).toEqual([{ code, retryInMs: code === 'drain' ? 300 : expect.any(Number) }])
  expect(performance.now() - before).toBeGreaterThanOrEqual((byes[0]?.retryInMs ?? 0) - 1)
  expect(states).toEqual([
    ['connected', undefined],
    ['reconnecting', code],
    ['connected', undefined],
  ])
  expect(server.lobby.hub.size).toBe(1)
})

test('after bye expired it asks for a fresh credential and is back', async () => {
  const { states, byes } = openClient(server.url, as('42'))
  await until('it is connected', () => states.at(-1)?.[0] === 'connected')
  dismiss('42', 'expired')
  await until('it is back', () => states.length === 3)
  expect(byes).toEqual([{ code: 'expired', retryInMs: 0 }])
  expect(states).toEqual([
    ['connected', undefined],
    ['reconnecting', 'expired'],
    ['connected', undefined],
  ])
})

test.each(['revoked', 'limit'] as const)('after bye %s it stays away until the page says so', async (code) => {
  const { heraldo, states, byes } = openClient(server.url, as('42'))
  await until('it is connected', () => heraldo.state === 'connected')
  dismiss('42', code)
  await until('it ended', () => heraldo.state === 'ended')
  expect(byes).toEqual([{ code, retryInMs: 0 }])
  expect(heraldo.reason).toMatchObject({ code })
  heraldo.connect()
  await until('it is back', () => heraldo.state === 'connected')
  expect(server.lobby.handshakes).toHaveLength(2)
  expect(states.map(([state]) => state)).toEqual(['connected', 'ended', 'connecting', 'connected'])
})

test('a refusal that may pass is tried again after growing pauses, with credentials that are asked for anew', async () => {
  const calls: number[] = []
  const auth = async () => {
    calls.push(performance.now())
    return { token: calls.length < 5 ? 'away' : '42' }
  }
  const pauses = { reconnectionDelay: 40, reconnectionDelayMax: 160 }
  const { heraldo, states } = openClient(server.url, { auth }, pauses)
  await until('it is connected', () => heraldo.state === 'connected')
  expect(states).toEqual([
    ['reconnecting', 'store.unavailable'],
    ['connected', undefined],
  ])
  expect(server.lobby.handshakes.map(({ token }) => token)).toEqual(['away', 'away', 'away', 'away', '42'])
  const waits = calls.slice(1).map((at, n) => at - (calls[n] ?? 0))
  for (const [n, least] of [20, 40, 80, 80].entries()) expect(waits[n]).toBeGreaterThanOrEqual(least - 2)
})

test('a page that cannot say who it is tries again: a function that throws, or that rejects', async () => {
  let calls = 0
  const auth = () => {
    calls++
    if (calls === 1) throw new Error('no network')
    return calls === 2 ? Promise.reject(new Error('500 from /token')) : { token: '42' }
  }
  const { heraldo, states } = openClient(server.url, { auth })
  await until('it could not', () => heraldo.state === 'reconnecting')
  expect(heraldo.reason).toEqual({ code: 'auth', message: 'no network' })
  await until('it is connected', () => heraldo.state === 'connected')
  expect(states).toEqual([
    ['reconnecting', 'auth'],
    ['connected', undefined],
  ])
  // The gateway was not bothered.
  expect(server.lobby.handshakes).toHaveLength(1)
})

test('a page may take longer for its credentials than the gateway waits for newcomers', async () => {
  const hasty = await startSocketio({ limits: { ...SOCKETIO_LIMITS, connectTimeoutMs: 50 } })
  let give = (_: { token: string }) => {}
  const credentials = new Promise<{ token: string }>((resolve) => {
    give = resolve
  })
  let calls = 0
  const auth = () => {
    calls++
    return credentials
  }
  const { heraldo } = openClient(hasty.url, { auth })
  await new Promise((resolve) => setTimeout(resolve, 150))
  give({ token: '42' })
  await until('it is connected', () => heraldo.state === 'connected')
  expect(calls).toBe(1)
  heraldo.close()
  await hasty.stop()
})

test('credentials that come after the page closed it, or tried anew, are not used', async () => {
  const gives: ((credentials: { token: string }) => void)[] = []
  const auth = () => new Promise<{ token: string }>((resolve) => void gives.push(resolve))
  const { heraldo } = openClient(server.url, { auth })
  await until('it is asked', () => gives.length === 1)
  heraldo.close()
  heraldo.connect()
  await until('it is asked again', () => gives.length === 2)
  gives[0]?.({ token: 'stale' })
  gives[1]?.({ token: '42' })
  await until('it is connected', () => heraldo.state === 'connected')
  expect(server.lobby.handshakes.map(({ token }) => token)).toEqual(['42'])
  expect(server.lobby.opened).toBe(1)
})

test('connect() cuts a pause short, and does nothing while an attempt is under way or it is connected', async () => {
  const port = await freePort()
  const { heraldo, states } = openClient(`http://127.0.0.1:${port}`, as('42'), {
    reconnectionDelay: 3_600_000,
    reconnectionDelayMax: 3_600_000,
  })
  heraldo.connect()
  await until('nobody is there', () => heraldo.state === 'reconnecting')
  expect(heraldo.reason?.code).toBe('network')
  const late = await startSocketio({}, port)
  heraldo.connect()
  heraldo.connect()
  await until('it is connected', () => heraldo.state === 'connected')
  heraldo.connect()
  expect(late.lobby.handshakes).toHaveLength(1)
  expect(states.map(([state]) => state)).toEqual(['reconnecting', 'connected'])
  heraldo.close()
  await late.stop()
})

test('listeners may close and connect from inside, and one that throws breaks nothing', async () => {
  const printed = jest.spyOn(console, 'error').mockImplementation(() => {})
  try {
    const { heraldo, bodies } = openClient(server.url, as('42'))
    heraldo.on('notification', () => {
      throw new Error('a bug in the page')
    })
    heraldo.on('bye', ({ code }) => (code === 'drain' ? heraldo.close() : heraldo.connect()))
    await until('it is connected', () => heraldo.state === 'connected')
    server.notify('42', '1')
    server.notify('42', '2')
    await until('both came', () => bodies.length === 2)
    dismiss('42', 'expired')
    await until('its page let it come back', () => server.lobby.opened === 2 && heraldo.state === 'connected')
    dismiss('42', 'drain')
    await until('its page closed it', () => heraldo.state === 'ended')
    expect(heraldo.reason?.code).toBe('closed')
    expect(printed).toHaveBeenCalledTimes(2)
  } finally {
    printed.mockRestore()
  }
})

test('a server that closes its socket without a farewell ends it', async () => {
  const { heraldo, states } = openClient(server.url, as('42'))
  await until('it is connected', () => heraldo.state === 'connected')
  const connection = server.lobby.connectionOf('42')
  if (connection instanceof Tab) connection.socket.disconnect()
  await until('it ended', () => heraldo.state === 'ended')
  expect(states.at(-1)).toEqual(['ended', 'disconnected'])
})

test('a gateway that greets again finds it connected as before', async () => {
  const { heraldo, states, bodies } = openClient(server.url, as('42'))
  await until('it is connected', () => heraldo.state === 'connected')
  await server.lobby.welcome(server.lobby.connectionOf('42'))
  server.notify('42', '1')
  await until('it hears', () => bodies.length === 1)
  expect(states).toEqual([['connected', undefined]])
})

test('close() leaves nothing behind on the gateway, whenever it comes', async () => {
  const pages = Array.from({ length: 20 }, () => openClient(server.url, as('42')))
  for (const [n, { heraldo }] of pages.entries()) setTimeout(() => heraldo.close(), n * 2)
  await until('all are closed', () => pages.every(({ heraldo }) => heraldo.state === 'ended'))
  await until('nobody is here', () => server.lobby.hub.size === 0)
  expect(pages.every(({ heraldo }) => heraldo.reason?.code === 'closed')).toBe(true)
})
