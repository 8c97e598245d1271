import { Events } from '../../../src/core/events.ts'
import { checkJson } from '../../../src/core/rawJson.ts'
import { metricsOf } from '../../../src/observers/metrics.ts'

function newMetrics() {
  const events = new Events()
  const metrics = metricsOf(events, { users: () => 3, notifiersUp: () => 2, followed: () => 4 })
  const deliver = (connections: number, tookMs: number, input = 'zeromq') =>
    events.emit('notification.delivered', {
      notification: {
        to: 'user:42',
        id: '1',
        type: 'notification',
        at: 0,
        body: checkJson(Buffer.from('1'), 10),
        expiresAt: undefined,
        collapse: undefined,
      },
      input,
      source: 'tcp://127.0.0.1:20105',
      connections,
      tookMs,
    })
  /** The samples as a scraper reads them. */
  const samples = async () => {
    const { body } = await metrics.expose()
    const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
    )
  }
  return { events, metrics, deliver, samples }
}

const connection = { connection: 'tab', user: '42' } as const

test('notifications are counted by input and outcome, writes by connection', async () => {
  const { events, deliver, samples } = newMetrics()
  deliver(2, 1)
  deliver(3, 1)
  deliver(0, 1)
  deliver(1, 1, 'http')
  events.emit('notification.duplicate', { input: 'zeromq', source: '' })
  events.emit('notification.refused', { input: 'zeromq', source: '', code: 'draft.notJson' })
  events.emit('notification.unfollowed', { input: 'zeromq', source: '' })
  expect(await samples()).toMatchObject({
    'heraldo_notifications_total{input="zeromq",outcome="delivered"}': 2,
    'heraldo_notifications_total{input="zeromq",outcome="nobody"}': 1,
    'heraldo_notifications_total{input="zeromq",outcome="duplicate"}': 1,
    'heraldo_notifications_total{input="zeromq",outcome="refused"}': 1,
    'heraldo_notifications_total{input="http",outcome="delivered"}': 1,
    'heraldo_notifications_total{input="http",outcome="refused"}': 0,
    'heraldo_drops_total{reason="draft.notJson"}': 1,
    'heraldo_drops_total{reason="unfollowed"}': 1,
    heraldo_deliveries_total: 6,
  })
})

test('asking twice counts nothing twice', async () => {
  const { deliver, samples } = newMetrics()
  deliver(1, 1)
  await samples()
  expect(await samples()).toMatchObject({ heraldo_deliveries_total: 1, heraldo_delivery_seconds_count: 1 })
})

test('the time from arrival to write is a histogram from 25 µs to 2.5 s, of what was written', async () => {
  const { deliver, samples } = newMetrics()
  for (const ms of [0.02, 0.025, 0.3, 7, 3000]) deliver(1, ms)
  deliver(0, 1)
  expect(await samples()).toMatchObject({
    'heraldo_delivery_seconds_bucket{le="0.000025"}': 2,
    'heraldo_delivery_seconds_bucket{le="0.00025"}': 2,
    'heraldo_delivery_seconds_bucket{le="0.0005"}': 3,
    'heraldo_delivery_seconds_bucket{le="0.01"}': 4,
    'heraldo_delivery_seconds_bucket{le="2.5"}': 4,
    'heraldo_delivery_seconds_bucket{le="+Inf"}': 5,
    heraldo_delivery_seconds_count: 5,
    heraldo_delivery_seconds_sum: expect.closeTo(3.007345, 9),
  })
})

test('connections are counted by transport, and what is read when asked is read when asked', async () => {
  const { events, samples } = newMetrics()
  for (let i = 0; i < 3; i++) events.emit('connection.opened', { ...connection, transport: 'socketio', via: 'jwt' })
  events.emit('connection.closed', { ...connection, transport: 'socketio', reason: 'left' })
  expect(await samples()).toMatchObject({
    'heraldo_connections{transport="socketio"}': 2,
    heraldo_users: 3,
    heraldo_notifiers_up: 2,
    heraldo_followed_addresses: 4,
  })
})

test('gaps, slow browsers, refused handshakes, watchdogs, tails and lost replies are counted', async () => {
  const { events, samples } = newMetrics()
  events.emit('live.gap', { source: 'orders', missed: 7 })
  events.emit('client.slow', { connection: 'tab', user: '42', lost: 5 })
  const refused = { transport: 'socketio', remoteAddress: '::1', reason: undefined } as const
  events.emit('connection.refused', { ...refused, code: 'session.expired' })
  events.emit('notifier.reconnected', { address: 'tcp://127.0.0.1:20105', reason: 'auth' })
  events.emit('tail.dropped', { dropped: 9 })
  events.emit('reply.dropped', { source: 'orders', reason: 'full' })
  expect(await samples()).toMatchObject({
    heraldo_live_gaps_total: 7,
    heraldo_slow_clients_total: 1,
    'heraldo_drops_total{reason="slow"}': 5,
    'heraldo_connections_refused_total{code="session.expired"}': 1,
    heraldo_notifier_reconnects_total: 1,
    heraldo_tail_dropped_total: 9,
    heraldo_replies_dropped_total: 1,
  })
})

test('neither a user nor a source nor an address is a label', async () => {
  const { events, metrics, deliver } = newMetrics()
  deliver(1, 1)
  events.emit('connection.opened', { connection: 'tab-7', user: 'ada', transport: 'socketio', via: 'jwt' })
  events.emit('notification.refused', { input: 'zeromq', source: 'tcp://192.0.2.1:1', code: 'draft.notJson' })
  expect((await metrics.expose()).body).not.toMatch(/ada|tab-7|192\.0\.2\.1|user:42|20105/)
})

test('every metric says what it is, once, and the process metrics are there', async () => {
  const { deliver, metrics } = newMetrics()
  deliver(1, 1)
  const { contentType, body } = await metrics.expose()
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(body.endsWith('\n')).toBe(true)
  const names = [...body.matchAll(/^# TYPE (\S+) (counter|gauge|histogram|summary)$/gm)].map(([, name]) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(body).toContain(`# HELP ${name} `)
  expect(names).toEqual(expect.arrayContaining(['process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds']))
  // Every sample has its type announced before it.
  for (const [, sample] of body.matchAll(/^(heraldo_\w+)/gm)) {
    const base = sample?.replace(/_(bucket|sum|count)$/, '')
    expect(names).toContain(names.includes(sample) ? sample : base)
  }
})

test('two gateways in one process count apart, and one that is closed counts no more', async () => {
  const [one, two] = [newMetrics(), newMetrics()]
  one.deliver(1, 1)
  expect(await two.samples()).toMatchObject({ heraldo_deliveries_total: 0 })
  one.metrics.close()
  one.deliver(1, 1)
  expect(await one.samples()).toMatchObject({ heraldo_deliveries_total: 1 })
})
