import { connect, type Socket } from 'node:net'
import { checkJson } from '../../../src/core/rawJson.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { until } from '../../support/until.ts'
import { json, KEY, type RunningApp, runApp } from './runningApp.ts'

const clock = fakeClock()
let app: RunningApp
beforeEach(async () => {
  app = await runApp({ clock })
})
afterEach(() => app.stop())

interface Reader {
  readonly text: string
  readonly ended: boolean
  /** The JSON of the events so far, with their names where they have one. */
  events(): unknown[]
  cancel(): Promise<void>
}

/** Reads a stream of Server-Sent Events as a browser would. */
async function tail(query = ''): Promise<Reader> {
  const response = await app.get(`/v1/tail${query}`)
  if (response.status !== 200 || response.body === null) throw new Error(`tail: ${await response.text()}`)
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  let ended = false
  const read = async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text += decoder.decode(part.value, { stream: true })
  }
  void read().then(
    () => {
      ended = true
    },
    () => {
      ended = true
    },
  )
  return {
    get text() {
      return text
    },
    get ended() {
      return ended
    },
    events: () => eventsIn(text),
    cancel: () => reader.cancel(),
  }
}

function eventsIn(text: string): unknown[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .filter((block) => !block.startsWith(':'))
    .map((block) => {
      const lines = block.split('\n')
      const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6))
      const name = lines.find((line) => line.startsWith('event: '))?.slice(7)
      const value: unknown = JSON.parse(data.join('\n'))
      return name === undefined ? value : { [name]: value }
    })
}

const notify = (recipient: string, notification: unknown, more = {}) =>
  app.notify({ recipient, notification, keep: false, ...more })

/** As a ZeroMQ notifier would send it: the bytes as they are. */
const publish = (recipient: string, body: string) =>
  app.pipe.accept(
    { to: [recipient], header: undefined, body: Buffer.from(body) },
    { input: 'zeromq', source: 'tcp://127.0.0.1:20105', arrivedAt: clock.monotonic(), reach: 'every-node' },
  )

test('all that passes is shown: delivered, to nobody, repeated and refused', async () => {
  const reader = await tail()
  const tab = app.connect('user:42')
  await notify('42', { text: 'hi' }, { id: 'a', source: 'orders', type: 'order.shipped' })
  await notify('43', 'to nobody')
  await notify('42', { text: 'hi' }, { id: 'a', source: 'orders' })
  await notify('', 1)
  await until('four events are shown', () => reader.events().length >= 4)
  const common = { at: clock.now(), input: 'http', source: 'key-1' }
  expect(reader.events()).toEqual([
    {
      ...common,
      outcome: 'delivered',
      recipient: '42',
      id: 'orders:a',
      type: 'order.shipped',
      body: { text: 'hi' },
      connections: 1,
    },
    {
      ...common,
      outcome: 'nobody',
      recipient: '43',
      id: 'n-1',
      type: 'notification',
      body: 'to nobody',
      connections: 0,
    },
    { ...common, outcome: 'duplicate' },
    { ...common, outcome: 'refused', code: 'draft.recipient' },
  ])
  app.hub.close(tab)
})

test('a tail of one recipient follows it, shows only what goes there, and unfollows at its end', async () => {
  const reader = await tail('?recipient=42')
  expect([...app.followed]).toEqual(['user:42'])
  publish('43', '"not this one"')
  publish('42', '"this one"')
  await notify('', 1)
  publish('42', '"and this one"')
  await until('two events are shown', () => reader.events().length >= 2)
  expect(reader.events()).toMatchObject([{ body: 'this one' }, { body: 'and this one' }])
  await reader.cancel()
  await until('it is unfollowed', () => {
    clock.advance(1)
    return app.followed.size === 0
  })
})

test.each([
  ['?recipient=%23news', 'channel:news'],
  ['?recipient=*', 'everyone'],
  ['?recipient=%257C', 'user:|'],
])('%s follows %s', async (query, address) => {
  const reader = await tail(query)
  expect([...app.followed]).toEqual([address])
  await reader.cancel()
})

test('a body is shown byte for byte, except that its line breaks become blanks', async () => {
  const reader = await tail()
  publish('42', '{\r\n  "big": 12345678901234567890,\n  "text": "a\\nb ☃"\n}')
  await until('the event is shown', () => reader.events().length > 0)
  expect(reader.text).toContain('"body":{    "big": 12345678901234567890,   "text": "a\\nb ☃" },')
  expect(reader.events()).toMatchObject([{ body: { text: 'a\nb ☃' } }])
})

test('a notifier cannot forge an event with line breaks in its id', async () => {
  const reader = await tail()
  await notify('42', 1, { id: 'x\n\ndata: {"forged":true}\n\n' })
  await notify('42', 2)
  await until('two events are shown', () => reader.events().length >= 2)
  expect(reader.events()).toMatchObject([{ id: 'x\n\ndata: {"forged":true}\n\n', body: 1 }, { body: 2 }])
})

test('a quiet tail hears a heartbeat every 15 seconds', async () => {
  const reader = await tail()
  clock.advance(14_999)
  clock.advance(1)
  await until('one heartbeat came', () => reader.text.includes(': still here'))
  clock.advance(15_000)
  await until('another one came', () => reader.text.split(': still here').length === 3)
  expect(reader.events()).toEqual([])
})

test('sixteen tails are enough, and one that ends makes room', async () => {
  const readers = await Promise.all(Array.from({ length: 16 }, () => tail()))
  const refused = await app.get('/v1/tail')
  expect(refused.status).toBe(429)
  expect(await json(refused)).toEqual({ error: { code: 'api.tails', message: expect.any(String), retry: true } })
  await readers[0]?.cancel()
  await until('there is room', async () => {
    const response = await app.get('/v1/tail')
    await response.body?.cancel()
    return response.status === 200
  })
})

test('a reader that stops is shown how much it missed, and the others miss nothing', async () => {
  const dropped: number[] = []
  app.events.on('tail.dropped', (facts) => void dropped.push(facts.dropped))
  const good = await tail()
  const slow = await stoppedReader()
  const body = JSON.stringify('x'.repeat(60_000))
  // What the kernel takes is not ours to bound: enough to fill it and the queue.
  for (let i = 1; i <= 500; i++) {
    publish('42', body)
    await until('the good reader has it', () => good.text.length > i * 60_000)
  }
  expect(good.events()).toHaveLength(500)
  slow.resume()
  await until('the slow reader is told', () => slow.text().includes('event: dropped'))
  publish('42', '"the last one"')
  await until('the slow reader has the last one', () => slow.text().includes('the last one'))
  const shown = slow.text().split('"outcome":"nobody"').length - 1
  const missed = [...slow.text().matchAll(/event: dropped\r?\ndata: \{"dropped":(\d+)\}/g)].map(([, n]) => Number(n))
  expect(missed.reduce((sum, n) => sum + n, 0)).toBe(501 - shown)
  expect(shown).toBeLessThan(400)
  expect(dropped).toEqual(missed)
  slow.destroy()
})

test('what is sent to a thousand is printed for a tail only as far as its reader has room', async () => {
  const slow = await stoppedReader()
  const body = checkJson(Buffer.from(JSON.stringify('x'.repeat(60_000))), 65_536)
  const facts = { input: 'http', source: 'key-1', connections: 1, tookMs: 0 }
  let looks = 0
  const notification = {
    to: 'user:42',
    id: '1',
    at: 0,
    body,
    expiresAt: undefined,
    collapse: undefined,
    get type() {
      looks++
      return 'notification'
    },
  } as const
  for (let i = 0; i < 1000; i++) app.events.emit('notification.delivered', { ...facts, notification })
  expect(looks).toBeLessThan(400)
  slow.destroy()
})

test('a stopped reader does not keep the gateway from closing its tails', async () => {
  const slow = await stoppedReader()
  for (let i = 0; i < 300; i++) publish('42', JSON.stringify('x'.repeat(60_000)))
  await app.closeTails()
  await until(
    'its connection is gone',
    () => new Promise((resolve) => app.server.getConnections((_, n) => resolve(n === 0))),
  )
  slow.destroy()
})

test('when the gateway stops every tail ends, nothing stays followed, and no new one begins', async () => {
  const readers = [await tail(), await tail('?recipient=42')]
  await app.closeTails()
  await until('both have ended', () => readers.every(({ ended }) => ended))
  clock.advance(1)
  expect([...app.followed]).toEqual([])
  const late = await app.get('/v1/tail')
  expect(late.status).toBe(503)
  expect(await json(late)).toMatchObject({ error: { code: 'draining', retry: true } })
})

test('nobody listens to the events while nobody tails', async () => {
  const notification = {
    to: 'user:42',
    id: '1',
    type: 'notification',
    at: 0,
    body: checkJson(Buffer.from('1'), 10),
    expiresAt: undefined,
    collapse: undefined,
  } as const
  /** Facts that tell whether somebody looks at them. */
  const isHeard = () => {
    let looks = 0
    app.events.emit('notification.delivered', {
      get notification() {
        looks++
        return notification
      },
      input: 'zeromq',
      source: '',
      connections: 1,
      tookMs: 0,
    })
    return looks > 0
  }
  expect(isHeard()).toBe(false)
  const reader = await tail()
  expect(isHeard()).toBe(true)
  await reader.cancel()
  await until('it has stopped listening', () => !isHeard())
})

test.each([
  ['?recipient=', 'draft.recipient'],
  ['?recipient=%0A', 'draft.recipient'],
  ['?recipient=42&recipient=43', 'api.query'],
  ['?recipent=42', 'api.query'],
])('%s is refused with %s, and nothing is followed', async (query, code) => {
  const response = await app.get(`/v1/tail${query}`)
  expect(response.status).toBe(400)
  expect(await json(response)).toMatchObject({ error: { code, retry: false } })
  expect(app.followed.size).toBe(0)
})

/** Opens a tail and reads nothing more than its head until it is told to. */
async function stoppedReader(): Promise<{ text(): string; resume(): void; destroy(): Socket }> {
  const { port, hostname } = new URL(app.url)
  const socket = connect(Number(port), hostname)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => void chunks.push(chunk))
  socket.write(`GET /v1/tail HTTP/1.0\r\nAuthorization: Bearer ${KEY}\r\n\r\n`)
  const text = () => Buffer.concat(chunks).toString()
  await until('the tail is open', () => text().includes(': tail'))
  socket.pause()
  socket.on('error', () => {})
  return { text, resume: () => void socket.resume(), destroy: () => socket.destroy() }
}
