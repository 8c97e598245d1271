import { Courier } from '../../../src/sdk/sender/courier.ts'
import type { Ears } from '../../../src/sdk/sender/line.ts'
import { request } from '../../../src/sdk/sender/request.ts'
import type { SenderOptions } from '../../../src/sdk/sender/senderOptions.ts'
import { readOptions } from '../../../src/sdk/sender/senderOptions.ts'
import { fakeClock } from '../../support/fakeClock.ts'

interface FakeLine extends Ears {
  readonly address: string
  readonly sent: string[]
  closed: boolean
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

/** A courier whose gateways do what the test says, and whose time the test winds. */
function courier(options: SenderOptions = {}, random = () => 0.5) {
  const clock = fakeClock()
  const lines: FakeLine[] = []
  let isFull = false
  const made = new Courier(readOptions({ ingest: ['tcp://a:1', 'tcp://b:1'], ...options }), {
    clock,
    random,
    connect(address, ears) {
      const line: FakeLine = { ...ears, address, sent: [], closed: false }
      lines.push(line)
      if (isFull) throw new Error('too many open files')
      return {
        send: async ([header]) => void line.sent.push(JSON.parse(String(header)).id),
        close: () => {
          line.closed = true
        },
      }
    },
  })
  const ask = (id: string, to = '42') => made.send(request(new Map([[to, to]]), 1, { id }, undefined, 1000))
  const post = (id: string): void => {
    ask(id).catch(() => undefined)
  }
  const answer = (id: string, more: object = {}) =>
    lines.at(-1)?.heard(Buffer.from(JSON.stringify({ ok: true, id, duplicate: false, store: 's1', ...more })))
  const refuse = (id: string) => answer(id, { ok: false, error: { code: 'ingest.busy', message: '', retry: true } })
  const pass = async (ms: number, step = 50) => {
    for (let passed = 0; passed < ms; passed += step) {
      clock.advance(step)
      await settled()
    }
  }
  const sent = () => lines.map((line) => line.sent.join(''))
  return {
    made,
    clock,
    lines,
    ask,
    post,
    answer,
    refuse,
    pass,
    sent,
    setFull(is: boolean) {
      isFull = is
    },
  }
}

test('silence is taken for a gateway that is gone: another one gets everything in the same order', async () => {
  const { lines, post, pass, sent } = courier()
  for (const id of 'abc') post(id)
  await pass(4950)
  expect(sent()).toEqual(['abc'])
  await pass(200)
  expect(sent()).toEqual(['abc', 'abc'])
  expect(lines.map(({ address, closed }) => `${address} ${closed}`)).toEqual(['tcp://a:1 true', 'tcp://b:1 false'])
})

test('where others are answered, the one whose answer was lost is sent again alone and on the same line', async () => {
  const { post, answer, pass, sent, lines } = courier()
  for (const id of 'abc') post(id)
  await settled()
  await pass(100)
  answer('b')
  answer('c')
  await pass(5200)
  expect(sent()).toEqual(['abca'])
  expect(lines).toHaveLength(1)
})

test('a line that is lost is replaced after a pause, without waiting for what is late', async () => {
  const { post, pass, sent, lines } = courier()
  for (const id of 'abc') post(id)
  await settled()
  lines[0]?.lost()
  await settled()
  expect(sent()).toEqual(['abc'])
  await pass(100)
  expect(sent()).toEqual(['abc', 'abc'])
})

test.each([
  [0, [50, 100, 200, 400, 800, 1000, 1000]],
  [0.999, [100, 200, 400, 800, 1600, 2000, 2000]],
])('pauses grow from a tenth of a second to two seconds, with chance %d in them', async (chance, wanted) => {
  const { clock, post, refuse, lines } = courier({ ingest: 'tcp://a:1' }, () => chance)
  post('a')
  await settled()
  const pauses: number[] = []
  for (let round = 1; round <= wanted.length; round++) {
    const began = clock.monotonic()
    refuse('a')
    while (lines[0]?.sent.length === round) {
      clock.advance(10)
      await settled()
    }
    pauses.push(clock.monotonic() - began)
  }
  // It looks every 50 ms.
  for (const [n, pause] of pauses.entries()) expect(Math.abs(pause - (wanted[n] ?? 0))).toBeLessThanOrEqual(50)
})

test('no more than the window fly, and fewer where a gateway asked for patience', async () => {
  const { post, answer, refuse, pass, sent } = courier({ window: 4 })
  for (const id of 'abcdefgh') post(id)
  await settled()
  expect(sent()).toEqual(['abcd'])
  answer('a')
  await settled()
  expect(sent()).toEqual(['abcde'])
  for (const id of 'bcde') refuse(id)
  await pass(150)
  expect(sent()).toEqual(['abcdebc'])
  answer('b')
  await settled()
  expect(sent()).toEqual(['abcdebcde'])
})

test('not even a socket is to be had: it is tried again', async () => {
  const { ask, pass, sent, setFull, answer } = courier()
  setFull(true)
  const outcome = ask('a')
  await pass(1000)
  setFull(false)
  await pass(2000)
  expect(sent().join('')).toBe('a')
  answer('a')
  await expect(outcome).resolves.toMatchObject({ id: 'a' })
})

test('another life of the store is told the last minute again, in order and before what is new', async () => {
  const { post, answer, pass, sent } = courier()
  for (const id of 'ab') post(id)
  await settled()
  for (const id of 'ba') answer(id)
  await pass(9000)
  post('c')
  await settled()
  answer('c', { store: 's2' })
  post('d')
  await pass(500)
  expect(sent()).toEqual(['abcabd'])
})

test('what the same store still knows after a minute is safe, and nobody asks any more', async () => {
  const { post, answer, pass, sent, clock } = courier()
  post('a')
  await settled()
  answer('a')
  for (let asked = 1; asked <= 6; asked++) {
    await pass(11_000, 1000)
    expect(sent()).toEqual(['a'.repeat(asked + 1)])
    answer('a', { duplicate: true })
  }
  await pass(60_000, 1000)
  expect(sent()).toEqual(['a'.repeat(7)])
  expect(clock.timers).toBe(0)
})

test('the last minute is bounded, and the newest are remembered', async () => {
  const { ask, answer, pass, sent } = courier({ maxSpooled: 3 })
  for (const id of 'abcde') {
    const sending = ask(id)
    await settled()
    answer(id, { store: id === 'e' ? 's2' : 's1' })
    await sending
  }
  await pass(600)
  expect(sent()).toEqual(['abcdecd'])
})

test('what was told live is not repeated to another life of the store', async () => {
  const { ask, post, answer, pass, sent } = courier()
  void ask('l', '*')
  post('k')
  await settled()
  for (const id of 'lk') answer(id)
  post('x')
  await settled()
  answer('x', { store: 's2' })
  await pass(600)
  expect(sent()).toEqual(['lkxk'])
})

test('what has expired meanwhile is not repeated', async () => {
  const { made, post, answer, pass, sent } = courier()
  for (const [id, ttl] of [
    ['a', 5],
    ['b', 20],
  ] as const)
    void made.send(request(new Map([['42', '42']]), 1, { id, ttl }, undefined, 1000))
  await settled()
  for (const id of 'ab') answer(id)
  await pass(9000)
  post('c')
  await settled()
  answer('c', { store: 's2' })
  await pass(600)
  expect(sent()).toEqual(['abcb'])
})

test('closing leaves no timer and no line', async () => {
  const { made, post, answer, clock, lines } = courier()
  post('a')
  post('b')
  await settled()
  answer('a')
  const closing = made.close(1000)
  clock.advance(1000)
  expect(await closing).toEqual(['b'])
  expect(clock.timers).toBe(0)
  expect(lines.every(({ closed }) => closed)).toBe(true)
})
