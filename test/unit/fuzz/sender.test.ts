import fc from 'fast-check'
import { Courier } from '../../../src/sdk/sender/courier.ts'
import type { Ears } from '../../../src/sdk/sender/line.ts'
import { request } from '../../../src/sdk/sender/request.ts'
import { readOptions } from '../../../src/sdk/sender/senderOptions.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { fuzz } from '../../support/fuzz.ts'

/** What may happen between a sender and its gateways, each with a number of its own in it. */
const action = fc.tuple(
  fc.constantFrom(
    'notify',
    'notify',
    'store',
    'store',
    'answer',
    'answer',
    'repeat',
    'refuse',
    'mute',
    'cut',
    'wipe',
    'wait',
  ),
  fc.nat(2000),
)

/** A gateway that stores, answers, or fails, as it is told; and a store behind it that may forget. */
function world() {
  const clock = fakeClock()
  let line: { ears: Ears; asked: string[]; answers: string[] } | undefined
  let life = 1
  let stored = new Set<string>()
  const courier = new Courier(readOptions({ window: 5, timeoutMs: 1000 }), {
    clock,
    random: () => 0.5,
    connect(_address, ears) {
      const made = { ears, asked: [] as string[], answers: [] as string[] }
      line = made
      return { send: async ([header]) => void made.asked.push(JSON.parse(String(header)).id), close: () => undefined }
    },
  })
  const answer = (id: string) => {
    const duplicate = stored.has(id)
    stored.add(id)
    return JSON.stringify({ ok: true, id, duplicate, positions: { 42: { epoch: 'e', seq: 1 } }, store: `life ${life}` })
  }
  const busy = (id: string) =>
    JSON.stringify({ ok: false, id, error: { code: 'ingest.busy', message: 'Busy.', retry: true } })
  const ask = (how: (id: string) => string | undefined) => {
    const id = line?.asked.shift()
    const said = id === undefined ? undefined : how(id)
    if (said !== undefined) line?.answers.push(said)
  }
  const hear = (n: number, isLast: boolean) => {
    const at = n % (line?.answers.length || 1)
    const said = isLast ? line?.answers.splice(at, 1)[0] : line?.answers[at]
    if (said !== undefined) line?.ears.heard(Buffer.from(said))
  }
  let count = 0
  const outcomes = new Map<string, string[]>()
  const happen: Record<string, (n: number) => void> = {
    notify() {
      const id = `n-${++count}`
      const seen: string[] = []
      outcomes.set(id, seen)
      const sending = courier.send(request(new Map([['42', '42']]), 1, { id }, undefined, 1000))
      sending.then(
        () => seen.push('acknowledged'),
        (error) => seen.push(error.code),
      )
    },
    store: () => ask(answer),
    answer: (n) => hear(n, true),
    repeat: (n) => hear(n, false),
    refuse: () => ask(busy),
    mute: () => ask((id) => void answer(id)),
    cut: () => line?.ears.lost(),
    wipe() {
      life++
      stored = new Set()
    },
    wait: (n) => clock.advance(n),
  }
  return { courier, clock, outcomes, happen: (what: string, n: number) => happen[what]?.(n), stored: () => stored }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('whatever happens on the way, in the end all is acknowledged once, and the store that lives has it (fuzz)', async () => {
  await fuzz(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const { courier, clock, outcomes, happen, stored } = world()
      for (const [what, n] of actions) {
        happen(what, n)
        await settled()
      }
      // From here on all is well. A sender that has nothing to say finds out within ten seconds whether the store forgot.
      for (let round = 0; round < 150; round++) {
        for (let n = 0; n < 10; n++) for (const what of ['store', 'answer']) happen(what, 0)
        clock.advance(100)
        await settled()
      }
      for (const seen of outcomes.values()) expect(seen).toEqual(['acknowledged'])
      expect([...outcomes.keys()].filter((id) => !stored().has(id))).toEqual([])
      const closing = courier.close(0)
      clock.advance(1)
      expect(await closing).toEqual([])
      expect(clock.timers).toBe(0)
    }),
  )
}, 120_000)
