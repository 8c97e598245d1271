import { connect, createServer } from 'node:net'
import { Dealer, Request } from 'zeromq'
import { GatewayError, StartError } from '../../../src/core/errors.ts'
import type { Receipt } from '../../../src/core/ports.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { requirePython, runPython } from '../../support/python.ts'
import { until } from '../../support/until.ts'
import { closers } from '../../support/zeromq.ts'
import { frame, ingestFor, MAX_BYTES, sender } from '../../support/zeromqIngest.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

/** Everything is true of both. */
const ROUTERS = [
  ['our own ZMTP', true],
  ['libzmq', false],
] as const
let fast: boolean

async function served(answer?: Parameters<typeof ingestFor>[0], options: Parameters<typeof ingestFor>[1] = {}) {
  const ingest = defer(await ingestFor(answer, { fast, ...options }))
  return { ...ingest, dealer: defer(sender(ingest.address)) }
}

const text = (bytes: Uint8Array | undefined) => `${Buffer.from(bytes ?? [])}`
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const stored = (id: string): Receipt => ({ ok: true, id, duplicate: false })

describe.each(ROUTERS)('over %s', (_, isOurs) => {
  beforeEach(() => {
    fast = isOurs
  })

  describe('what is taken', () => {
    test('the form of 2013: a recipient and a notification, for a DEALER and a REQ alike', async () => {
      const { dealer, taken, address } = await served()
      const asked = '{"recipient":"42","notification":{"text":"hi \u2603"}}'
      expect(await dealer.ask(asked)).toEqual({ ok: true, id: 'n-1', duplicate: false, positions: {} })
      expect(await request(address, asked)).toEqual([{ ok: true, id: 'n-2', duplicate: false, positions: {} }])
      expect(taken.map(({ to, keep, body }) => [to, keep, text(body)])).toEqual(
        Array(2).fill([['42'], undefined, '{"text":"hi \u2603"}']),
      )
    })

    test('all keys, several recipients, and positions in the reply', async () => {
      const positions = { '42': { epoch: 'e', seq: 17 }, '43': { epoch: 'f', seq: 1 } }
      const { dealer, taken } = await served(() => ({
        ...stored('o-17'),
        positions: new Map(Object.entries(positions)),
        store: 'run-1',
      }))
      const header = { source: 'orders', id: 'o-17', type: 'order.shipped', ttl: 86_400, collapse: 'order-17' }
      const reply = await dealer.ask({ recipient: ['42', '43'], notification: [1], keep: true, ...header })
      expect(reply).toEqual({ ok: true, id: 'o-17', duplicate: false, positions, store: 'run-1' })
      expect(taken[0]).toMatchObject({ to: ['42', '43'], keep: true, header })
      expect(taken[0]?.origin).toMatchObject({ input: 'ingest', reach: 'one-node' })
    })

    test('header and body in two frames: the body goes on byte for byte', async () => {
      const { dealer, taken, address } = await served()
      const body = ' { "n": 12345678901234567890, "x": 1.0 }\n'
      expect(await dealer.ask({ recipient: '42', id: 'a', v: 1 }, body)).toMatchObject({ ok: true })
      expect(await request(address, { recipient: '42' }, body)).toMatchObject([{ ok: true }])
      expect(taken.map((submission) => text(submission.body))).toEqual([body, body])
    })

    test('a refusal of the store is told with the sender\u2019s id, whether to send again, and who is refused', async () => {
      const answers: Receipt[] = [
        { ok: false, id: undefined, error: new GatewayError('store.unavailable') },
        { ok: false, id: 'b', error: new GatewayError('draft.idConflict'), recipients: ['43'] },
      ]
      const { dealer } = await served((_, count) => answers[count - 1] ?? stored('?'))
      const message = expect.any(String)
      expect(await dealer.ask({ recipient: '42', notification: 1, id: 'a' })).toEqual({
        ok: false,
        id: 'a',
        error: { code: 'store.unavailable', message, retry: true },
      })
      expect(await dealer.ask({ recipient: ['42', '43'], notification: 1, id: 'b' })).toEqual({
        ok: false,
        id: 'b',
        error: { code: 'draft.idConflict', message, retry: false, recipients: ['43'] },
      })
    })

    test('a REQ that numbers its requests gets the number back', async () => {
      const { address } = await served()
      const socket = defer(new Lockstep(address, { relaxed: true, correlate: true }))
      expect(await socket.ask('{"recipient":"42","notification":1}')).toMatchObject([{ ok: true, id: 'n-1' }])
      expect(await socket.ask('{"recipient":"42"}', '1')).toMatchObject([{ ok: true, id: 'n-2' }])
    })

    test('a DEALER that writes a REQ\u2019s empty frame gets it back', async () => {
      const { dealer } = await served()
      await dealer.ask('', { recipient: '42', notification: 1 })
      expect(dealer.replies[0]?.envelope.map(({ length }) => length)).toEqual([0])
    })

    test('1,000 recipients with the longest ids fit into one request', async () => {
      const { dealer, taken } = await served()
      const recipient = Array.from({ length: 1_000 }, (_, i) => '%7C'.repeat(190) + String(i).padStart(10, '0'))
      expect(await dealer.ask({ recipient }, 'x'.repeat(MAX_BYTES))).toMatchObject({ ok: true })
      expect(taken[0]?.to).toHaveLength(1_000)
    })

    test('ten thousand requests in one go get ten thousand replies, each by its id', async () => {
      const total = 10_000
      const { dealer, taken } = await served(async ({ header }, count) => {
        // Every seventh is stored a little later than those behind it.
        if (count % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
        return stored(header !== undefined && 'id' in header ? `${header['id']}` : '')
      })
      for (let i = 0; i < total; i++) await dealer.send({ recipient: `${i % 10}`, notification: i, id: `n-${i}` })
      await until('all are answered', () => dealer.replies.length >= total)
      const ids = dealer.replies.map(({ reply }) => (reply as { id: string }).id)
      expect(new Set(ids).size).toBe(total)
      expect(taken.map(({ body }) => text(body))).toEqual(Array.from({ length: total }, (_, i) => `${i}`))
    })
  })

  describe('what is refused with a code, and the next request is served', () => {
    const ok = { recipient: '42', notification: 1 }
    const bad: readonly (readonly [what: string, code: string, ...frames: unknown[]])[] = [
      ['no JSON', 'draft.notJson', '{"recipient":'],
      ['garbage', 'draft.notUtf8', Buffer.from([0xff, 0, 0xfe])],
      ['a text', 'draft.invalid', '"42|hi"'],
      ['a list', 'draft.invalid', '[]'],
      ['null', 'draft.invalid', 'null'],
      ['no recipient', 'draft.invalid', { notification: 1 }],
      ['no notification', 'draft.invalid', { recipient: '42' }],
      ['a recipient that is a number', 'draft.invalid', { ...ok, recipient: 42 }],
      ['keep that is a text', 'draft.invalid', { ...ok, keep: 'no' }],
      ['an unknown key', 'draft.unknownKey', { ...ok, recipent: '42' }],
      ['at, which the store decides', 'draft.unknownKey', { ...ok, at: 1 }],
      ['a notification beside a body', 'draft.unknownKey', ok, '1'],
      ['a key named __proto__', 'draft.unknownKey', '{"__proto__":{},"recipient":"42","notification":1}'],
      ['a number that JavaScript cannot hold', 'draft.notJson', '{"recipient":"42","notification":[1e999]}'],
      ['nested 100,000 deep', 'draft.tooDeep', nested(100_000)],
      ['an empty frame', 'draft.invalid', ''],
      ['an empty frame after an empty frame', 'draft.invalid', '', ''],
      ['three frames', 'draft.frames', { recipient: '42' }, '1', '2'],
      ['four empty frames', 'draft.frames', '', '', '', ''],
      ['a hundred frames', 'draft.frames', ...Array(100).fill('{}')],
      ['a frame far over the limit', 'draft.tooLarge', 'x'.repeat(1_500_000)],
      ['a body far over the limit', 'draft.tooLarge', { recipient: '42' }, 'x'.repeat(1_500_000)],
    ]
    test.each(bad)('%s: %s', async (_what, code, ...frames) => {
      const { dealer, address, taken, seen } = await served()
      const refusal = { ok: false, error: { code, message: expect.stringMatching(/\.$/), retry: false } }
      expect(await dealer.ask(...frames)).toEqual(refusal)
      expect(await request(address, ...frames)).toEqual([refusal])
      expect(taken).toEqual([])
      expect(await dealer.ask(ok)).toMatchObject({ ok: true })
      expect(seen.map(([name, facts]) => [name, 'code' in facts && facts.code])).toEqual(
        Array(2).fill(['notification.refused', code]),
      )
    })

    test('the refusal carries the id that the sender gave, unless it is longer than an id may be', async () => {
      const { dealer } = await served()
      expect(await dealer.ask({ ...ok, id: 'o-17', at: 1 })).toMatchObject({ ok: false, id: 'o-17' })
      expect(await dealer.ask({ ...ok, id: 'x'.repeat(129), at: 1 })).not.toHaveProperty('id')
      expect(await dealer.ask({ recipient: '42', id: 'o-18', stranger: 1 }, '1')).toMatchObject({ id: 'o-18' })
      expect(await dealer.ask({ recipient: '42', id: 'o-19' }, '1', '2')).toMatchObject({ id: 'o-19' })
      expect(await dealer.ask({ recipient: '42', id: 'o-20' }, 'x'.repeat(1_500_000))).toMatchObject({ id: 'o-20' })
    })

    test('garbage, HTTP and silence on the port stop nobody', async () => {
      const { dealer, address, seen } = await served()
      const { port, hostname } = new URL(address)
      const strangers = ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', Buffer.alloc(5_000, 0xff), 'ab', ''].map((said) => {
        const socket = connect(Number(port), hostname).on('error', () => {})
        socket.write(said)
        return { close: async () => void socket.destroy() }
      })
      for (const stranger of strangers) defer(stranger)
      expect(await dealer.ask(ok)).toMatchObject({ ok: true })
      expect(seen).toEqual([])
    })

    test('a peer that sends more than may be is cut off, and nobody else', async () => {
      const { dealer, address } = await served()
      const stranger = defer(sender(address))
      await stranger.send('x'.repeat(10_000_000))
      expect(await dealer.ask(ok)).toMatchObject({ ok: true })
    })
  })

  describe('what has a bound', () => {
    test('a sender that has left before the answer is reported, and nobody else waits', async () => {
      const answers: (() => void)[] = []
      const { dealer, address, dropped, taken } = await served(({ to }) => {
        if (to[0] === '43') return stored('b')
        return new Promise((resolve) => answers.push(() => resolve(stored('a'))))
      })
      const leaver = sender(address, 'leaver')
      await leaver.send({ recipient: '42', notification: 1 })
      await until('it is under way', () => taken.length === 1)
      await leaver.close()
      await until('its connection is gone', async () => {
        await dealer.ask({ recipient: '43', notification: 1 })
        for (const answer of answers) answer()
        return dropped.length > 0
      })
      expect(dropped).toEqual(['leaver gone'])
    })

    test('who comes back under its own name gets its replies, whatever became of its old connection', async () => {
      const { address, dropped } = await served()
      for (let i = 0; i < 3; i++)
        expect(await defer(sender(address, 'worker')).ask({ recipient: '42', notification: i })).toMatchObject({
          ok: true,
        })
      expect(dropped).toEqual([])
    })

    test('requests beyond the bound are told to come again at once, and served when there is room', async () => {
      const answers: (() => void)[] = []
      const { dealer, taken } = await served(
        (_, count) => new Promise((resolve) => answers.push(() => resolve(stored(`${count}`)))),
        { underWay: { requests: 3, bytes: 1_000_000 } },
      )
      for (let i = 0; i < 3; i++) await dealer.send({ recipient: '42', notification: i })
      const busy = { ok: false, id: 'late', error: { code: 'ingest.busy', retry: true } }
      expect(await dealer.ask({ recipient: '42', notification: 3, id: 'late' })).toMatchObject(busy)
      for (const answer of answers.splice(0)) answer()
      await until('they are answered', () => dealer.replies.length === 4)
      await dealer.send({ recipient: '42', notification: 3, id: 'late' })
      await until('it is under way', () => taken.length === 4)
      for (const answer of answers) answer()
      await until('it is answered', () => dealer.replies.length === 5)
    })

    test('large requests have a bound of their own', async () => {
      const answers: (() => void)[] = []
      const { dealer, taken } = await served(
        (_, count) => new Promise((resolve) => answers.push(() => resolve(stored(`${count}`)))),
        { underWay: { requests: 1_000, bytes: 1_500 } },
      )
      for (let i = 0; i < 3; i++) await dealer.send({ recipient: '42' }, 'x'.repeat(800))
      await until('the third is refused', () => dealer.replies.length === 1)
      expect(dealer.replies[0]?.reply).toMatchObject({ ok: false, error: { code: 'ingest.busy' } })
      expect(taken).toHaveLength(2)
      for (const answer of answers) answer()
      await until('the others are answered', () => dealer.replies.length === 3)
    })

    test('a store that fails in a way nobody foresaw is answered too, and says nothing of our insides', async () => {
      const { dealer, seen } = await served((_, count) => {
        if (count === 1) throw new Error('the secret')
        return stored('b')
      })
      const error = { code: 'internal', message: expect.not.stringContaining('secret'), retry: true }
      expect(await dealer.ask({ recipient: '42', notification: 1, id: 'a' })).toEqual({ ok: false, id: 'a', error })
      expect(await dealer.ask({ recipient: '42', notification: 1 })).toMatchObject({ ok: true })
      expect(seen).toEqual([['gateway.failed', { during: 'a request at ingest', error: expect.any(Error) }]])
    })
  })

  describe('opening and closing', () => {
    test('what is under way is answered before it closes, and what comes meanwhile is asked to come again', async () => {
      const answers: (() => void)[] = []
      const { dealer, input, taken } = await served(
        () => new Promise((resolve) => answers.push(() => resolve(stored('a')))),
      )
      await dealer.send({ recipient: '42', notification: 1 })
      await until('it is under way', () => taken.length === 1)
      const closing = input.close()
      await until('newcomers are refused', async () => {
        await dealer.send({ recipient: '42', notification: 2, id: 'late' })
        return dealer.replies.length > 0
      })
      expect(dealer.replies[0]?.reply).toMatchObject({
        ok: false,
        id: 'late',
        error: { code: 'draining', retry: true },
      })
      for (const answer of answers) answer()
      await closing
      const isAnswer = ({ reply }: { reply: unknown }) => JSON.stringify(reply).includes('"ok":true')
      await until('all that was taken is answered', () => dealer.replies.filter(isAnswer).length === taken.length)
    })

    test('an answer that never comes holds up the end for some seconds only', async () => {
      const clock = fakeClock()
      const { dealer, input, taken } = await served(() => new Promise(() => {}), { clock })
      await dealer.send({ recipient: '42', notification: 1 })
      await until('it is under way', () => taken.length === 1)
      const closing = input.close()
      await until('it waits', () => clock.timers === 1)
      clock.advance(5_000)
      await closing
      expect(dealer.replies).toEqual([])
    })

    test('a taken port is one clear sentence that names the key and the address', async () => {
      const taken = createServer()
      defer({ close: () => new Promise<void>((resolve) => taken.close(() => resolve())) })
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
      const bound = taken.address()
      const address = `tcp://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`
      await expect(ingestFor(undefined, { address })).rejects.toThrow(
        new StartError(
          `zeromq.ingest: cannot listen on ${address}: it is taken by another program, perhaps another gateway.`,
        ),
      )
    })
  })

  test('pyzmq: a REQ in lockstep, and ten thousand requests of a DEALER that reads when it has sent them all', async () => {
    const { address } = await served(({ header }, count) => stored(idOf(header) ?? `n-${count}`))
    const lines = (await runPython(requirePython('zmq'), PYTHON, [address])).trim().split('\n')
    const [first, second, third, count] = lines.map((line): unknown => JSON.parse(line))
    expect([first, second, third]).toMatchObject([{ ok: true }, { error: { code: 'draft.notJson' } }, { ok: true }])
    expect(count).toBe(10_000)
  })
})

describe('a peer that never reads its replies', () => {
  const LONG = 'x'.repeat(1_000)

  async function deafPeer(own: boolean) {
    fast = own
    const ingest = await served((_, count) => stored(LONG + count))
    const deaf = new Dealer({ linger: 0, receiveHighWaterMark: 1, routingId: 'deaf', sendHighWaterMark: 0 })
    defer({ close: async () => deaf.close() })
    deaf.connect(ingest.address)
    let sent = 0
    const sendSome = async () => {
      for (let i = 0; i < 1_000; i++) await deaf.send('{"recipient":"42","notification":1}')
      sent += 1_000
      expect(await ingest.dealer.ask({ recipient: '43', notification: 1 })).toMatchObject({ ok: true })
    }
    return { ...ingest, deaf, sendSome, sent: () => sent }
  }

  test('is not read either until it reads, and nothing is dropped', async () => {
    const { deaf, sendSome, taken, dropped, sent } = await deafPeer(true)
    let before = -1
    // The others' questions are answered while it is held back.
    for (let quiet = 0; quiet < 3; quiet = taken.length - before === 1 ? quiet + 1 : 0) {
      before = taken.length
      await sendSome()
    }
    expect(taken.length).toBeLessThan(sent())
    for (let i = 0; i < sent(); i++) await deaf.receive()
    expect(dropped).toEqual([])
  }, 60_000)

  test('over libzmq costs some of them, and nobody else waits', async () => {
    const { sendSome, dropped } = await deafPeer(false)
    while (dropped.length === 0) await sendSome()
    expect(new Set(dropped)).toEqual(new Set(['deaf full']))
  })
})

/** As the ten lines of docs/ingest.md, and what goes wrong beside it. */
const PYTHON = `
import json, sys, zmq
context = zmq.Context()
req = context.socket(zmq.REQ)
req.connect(sys.argv[1])
for request in ['{"recipient":"42","notification":{"text":"hi"}}', '{', '{"recipient":"43","notification":null}']:
    req.send_string(request)
    print(req.recv_string())
dealer = context.socket(zmq.DEALER)
dealer.connect(sys.argv[1])
for i in range(10000):
    dealer.send_multipart([json.dumps({'recipient': '42', 'id': 'p-%d' % i}).encode(), b'%d' % i])
print(len({json.loads(dealer.recv())['id'] for _ in range(10000)}))
context.destroy(linger=0)
`

const idOf = (header: unknown) =>
  typeof header === 'object' && header !== null && 'id' in header && typeof header.id === 'string'
    ? header.id
    : undefined

/** One question of a REQ of its own. */
async function request(address: string, ...frames: readonly unknown[]): Promise<unknown[]> {
  const socket = defer(new Lockstep(address))
  return socket.ask(...frames)
}

class Lockstep {
  readonly #socket: Request

  constructor(address: string, options: { relaxed?: true; correlate?: true } = {}) {
    this.#socket = new Request({ linger: 0, receiveTimeout: 10_000, ...options })
    this.#socket.connect(address)
  }

  async ask(...frames: readonly unknown[]): Promise<unknown[]> {
    await this.#socket.send(frames.map(frame))
    return (await this.#socket.receive()).map((bytes): unknown => JSON.parse(`${bytes}`))
  }

  async close(): Promise<void> {
    this.#socket.close()
  }
}
