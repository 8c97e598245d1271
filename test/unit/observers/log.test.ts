import { spawnSync } from 'node:child_process'
import { type EventName, Events, type GatewayEvents } from '../../../src/core/events.ts'
import { checkJson } from '../../../src/core/rawJson.ts'
import { type LogOptions, logEvents } from '../../../src/observers/log.ts'
import { fakeClock } from '../../support/fakeClock.ts'

function newLog(level: LogOptions['level'] = 'info') {
  const events = new Events()
  const clock = fakeClock()
  const written: string[] = []
  const { flush } = logEvents(events, { level, clock, destination: { write: (line) => void written.push(line) } })
  const lines = () => written.map((line): Record<string, unknown> => JSON.parse(line))
  return { events, clock, written, lines, flush }
}

const delivered = {
  notification: {
    to: 'user:42',
    id: 'orders:o-17',
    type: 'order.shipped',
    at: 0,
    body: checkJson(Buffer.from('{"text":"the payload"}'), 100),
    expiresAt: undefined,
    collapse: undefined,
  },
  input: 'zeromq',
  source: 'tcp://127.0.0.1:20105',
  connections: 2,
  tookMs: 0.3,
} as const

test('an event is one line of JSON: its name, level, time and facts', () => {
  const { events, written, lines } = newLog()
  events.emit('gateway.ready', { url: 'http://127.0.0.1:5886', ms: 12 })
  expect(written[0]?.endsWith('\n')).toBe(true)
  expect(lines()).toEqual([
    { level: 'info', time: expect.any(Number), event: 'gateway.ready', url: 'http://127.0.0.1:5886', ms: 12 },
  ])
})

test('a million refused notifications of one source are one line, and one a second while they last', () => {
  const { events, clock, lines } = newLog()
  const facts = { input: 'zeromq', source: 'tcp://127.0.0.1:20105', code: 'draft.notJson' } as const
  for (let i = 0; i < 1_000_000; i++) events.emit('notification.refused', facts)
  expect(lines()).toMatchObject([{ event: 'notification.refused', level: 'warn', ...facts }])
  clock.advance(1000)
  expect(lines().slice(1)).toMatchObject([{ ...facts, suppressed: 999_999 }])
  clock.advance(5000)
  expect(lines()).toHaveLength(2)
  expect(clock.timers).toBe(0)
})

test('another reason or another source has a line of its own', () => {
  const { events, lines } = newLog()
  const facts = { input: 'zeromq', source: 'a', code: 'draft.notJson' } as const
  events.emit('notification.refused', facts)
  events.emit('notification.refused', { ...facts, code: 'draft.notUtf8' })
  events.emit('notification.refused', { ...facts, source: 'b' })
  events.emit('notification.refused', facts)
  expect(lines()).toHaveLength(3)
})

test('a million sources grow neither the log nor its memory', () => {
  const { events, lines } = newLog()
  for (let i = 0; i < 1_000_000; i++)
    events.emit('connection.refused', {
      transport: 'socketio',
      remoteAddress: `10.0.${i}`,
      code: 'session.missing',
      reason: 'NO_COOKIE',
    })
  expect(lines().length).toBeLessThan(300)
  expect(lines().at(-1)).toMatchObject({ event: 'connection.refused', reason: 'NO_COOKIE', mixed: true })
})

test('gaps of a second are summed', () => {
  const { events, clock, lines } = newLog()
  for (const missed of [1, 2, 3]) events.emit('live.gap', { source: 'orders', missed })
  clock.advance(1000)
  expect(lines()).toMatchObject([
    { event: 'live.gap', source: 'orders', missed: 1 },
    { event: 'live.gap', source: 'orders', missed: 5, suppressed: 2 },
  ])
})

/** All that a line may say at level info, except what a gateway says once in its life. */
const CAUSED_FROM_OUTSIDE: { readonly [N in EventName]?: GatewayEvents[N] } = {
  'gateway.failed': { during: 'accept', error: new Error('it broke') },
  'connection.refused': { transport: 'socketio', remoteAddress: '::1', code: 'session.missing', reason: 'NO_COOKIE' },
  'client.refused': { connection: 'tab-1', code: 'event.unknown' },
  'client.slow': { connection: 'tab-1', user: '42', lost: 3 },
  'notification.refused': { input: 'http', source: 'key-1', code: 'draft.notJson' },
  'live.gap': { source: 'orders', missed: 1 },
  'notifier.added': { address: 'tcp://127.0.0.1:20105' },
  'notifier.removed': { address: 'tcp://127.0.0.1:20105' },
  'notifier.refused': { address: 'nonsense', reason: 'no endpoint' },
  'notifier.connected': { address: 'tcp://127.0.0.1:20105' },
  'notifier.disconnected': { address: 'tcp://127.0.0.1:20105' },
  'notifier.suspect': { address: 'tcp://127.0.0.1:20105', silentMs: 5000 },
  'notifier.reconnected': { address: 'tcp://127.0.0.1:20105', reason: 'it was ended' },
  'registry.changed': { publishers: 3 },
  'registry.refused': { code: 'registry.request' },
  'registry.silent': { rep: 'tcp://127.0.0.1:20103', reason: 'no answer' },
  'store.lost': { store: 'redis', reason: 'ECONNREFUSED' },
  'store.found': { store: 'redis' },
}

test.each(Object.entries(CAUSED_FROM_OUTSIDE))('%s, again and again, is one line a second', (name, facts) => {
  const { events, clock, lines } = newLog()
  const emit = (events.emit as (name: string, facts: object) => void).bind(events)
  for (let i = 0; i < 1000; i++) emit(name, facts)
  expect(lines()).toMatchObject([{ event: name }])
  clock.advance(1000)
  expect(lines().slice(1)).toMatchObject([{ event: name, suppressed: 999 }])
  expect(lines()[0]).not.toHaveProperty('mixed')
})

test('what was held back is said when the log is flushed', async () => {
  const { events, lines, flush } = newLog()
  for (let i = 0; i < 3; i++) events.emit('registry.refused', { code: 'registry.request' })
  await flush()
  expect(lines().at(-1)).toMatchObject({ event: 'registry.refused', suppressed: 2 })
})

test('a delivered notification is a line at level debug only, without what it says', () => {
  const info = newLog('info')
  info.events.emit('notification.delivered', delivered)
  expect(info.written).toEqual([])
  const debug = newLog('debug')
  debug.events.emit('notification.delivered', delivered)
  expect(debug.lines()).toEqual([
    {
      level: 'debug',
      time: expect.any(Number),
      event: 'notification.delivered',
      id: 'orders:o-17',
      recipient: '42',
      type: 'order.shipped',
      input: 'zeromq',
      source: 'tcp://127.0.0.1:20105',
      connections: 2,
      tookMs: 0.3,
    },
  ])
  expect(debug.written.join('')).not.toContain('payload')
})

test('a failure is an error with its stack, and a thousand alike are one line', () => {
  const { events, lines } = newLog()
  const error = new Error('it broke', { cause: new Error('because of this') })
  for (let i = 0; i < 1000; i++) events.emit('gateway.failed', { during: 'accept', error })
  events.emit('gateway.failed', { during: 'accept', error: 'no Error at all' })
  expect(lines()).toHaveLength(2)
  expect(lines()[0]).toMatchObject({
    level: 'error',
    event: 'gateway.failed',
    during: 'accept',
    err: { message: expect.stringContaining('it broke'), stack: expect.stringContaining('log.test.ts') },
  })
  expect(lines()[1]).toMatchObject({ err: 'no Error at all' })
})

test('line breaks and terminal codes in names stay inside their line', () => {
  const { events, written, lines } = newLog()
  const source = 'a\r\n{"event":"gateway.stopped"}\u001b[2J'
  events.emit('notification.refused', { input: 'zeromq', source, code: 'draft.notJson' })
  expect(written).toHaveLength(1)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not be there
  expect(written[0]?.trimEnd()).not.toMatch(/[\u0000-\u001f]/)
  expect(lines()[0]?.['source']).toBe(source)
})

test('silent is silent', () => {
  const { events, written } = newLog('silent')
  events.emit('gateway.failed', { during: 'accept', error: new Error('it broke') })
  expect(written).toEqual([])
})

/** Logs to the standard output of a process of its own, which ends right after it has flushed. */
function logThrough(reader: string) {
  const script = `
    import { Events } from './src/core/events.ts'
    import { logEvents } from './src/observers/log.ts'
    import { systemClock } from './src/memory/clock.ts'
    const events = new Events()
    const log = logEvents(events, { level: 'info', clock: systemClock })
    await new Promise((resolve) => process.stdin.once('data', resolve))
    for (let i = 0; i < 4000; i++) events.emit('gateway.ready', { url: 'x'.repeat(100) + i, ms: i })
    await log.flush()
    process.exit(0)`
  // The process may log once the reader has had the time to go.
  const command = `set -o pipefail; (sleep 0.3; echo go) | node --import tsx --input-type=module -e "$SCRIPT" ${reader}`
  const env = { ...process.env, SCRIPT: script }
  return spawnSync('bash', ['-c', command], { env, encoding: 'utf8', timeout: 15_000 })
}

test('every line is on standard output after a flush, though the process ends at once', () => {
  const { status, stderr, stdout } = logThrough('')
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout.trimEnd().split('\n')).toHaveLength(4000)
})

test.each([
  ['has gone', '| true'],
  ['has stopped', '| sleep 3'],
])('a reader that %s neither breaks the gateway nor keeps it from ending', (_what, reader) => {
  const { status, stderr } = logThrough(reader)
  expect([status, stderr]).toEqual([0, ''])
})
