import { Events } from '../../../src/core/events.ts'
import { RateLimit } from '../../../src/core/rateLimit.ts'
import { Recent } from '../../../src/core/recent.ts'
import { Sequences } from '../../../src/core/sequences.ts'
import { Tally } from '../../../src/core/tally.ts'

test('an id can be claimed once, and is remembered for at least as many others as the capacity says', () => {
  const recent = new Recent(100)
  expect(recent.claim('first')).toBe(true)
  for (let i = 0; i < 99; i++) recent.claim(`other ${i}`)
  expect(recent.claim('first')).toBe(false)
  for (let i = 0; i < 200; i++) recent.claim(`more ${i}`)
  expect(recent.claim('first')).toBe(true)
})

test('a hole is what is missing after the baseline, per source, epoch and recipient', () => {
  const sequences = new Sequences()
  const missed = (source: string, epoch: string, seq: number) =>
    sequences.missedBefore('user:42', source, { epoch, seq })
  expect(missed('orders', 'e1', 7)).toBe(0)
  expect(missed('orders', 'e1', 8)).toBe(0)
  expect(missed('mail', 'e1', 1)).toBe(0)
  expect(missed('orders', 'e1', 11)).toBe(2)
  expect(missed('orders', 'e1', 9)).toBe(0)
  expect(missed('orders', 'e1', 12)).toBe(0)
  expect(missed('orders', 'e2', 500)).toBe(0)
  expect(missed('orders', 'e2', 502)).toBe(1)
  expect(missed('orders', 'e1', 14)).toBe(1)
  expect(sequences.missedBefore('user:43', 'orders', { epoch: 'e2', seq: 900 })).toBe(0)
  sequences.forget('user:42')
  expect(missed('orders', 'e2', 600)).toBe(0)
})

test('a notifier that invents sources costs a bounded memory', () => {
  const sequences = new Sequences()
  for (let i = 0; i < 100_000; i++) sequences.missedBefore('user:42', `source ${i}`, { epoch: '', seq: 1 })
  expect(sequences.missedBefore('user:42', 'source 99999', { epoch: '', seq: 3 })).toBe(1)
  expect(sequences.missedBefore('user:42', 'source 0', { epoch: '', seq: 3 })).toBe(0)
})

test('a rate limit lets a burst through, then its rate', () => {
  const limit = new RateLimit(10, 20)
  const taken = (now: number, times: number) =>
    Array.from({ length: times }, () => limit.take(now)).filter(Boolean).length
  expect(taken(0, 100)).toBe(20)
  expect(taken(1000, 100)).toBe(10)
  expect(taken(1050, 100)).toBe(0)
  expect(taken(1_000_000, 100)).toBe(20)
  expect(new RateLimit(0, 0).take(0)).toBe(true)
})

test('a tally forgets a key whose count is back at none', () => {
  const tally = new Tally()
  tally.add('__proto__')
  tally.add('__proto__')
  tally.remove('__proto__')
  expect([tally.of('__proto__'), tally.size]).toEqual([1, 1])
  tally.remove('__proto__')
  expect([tally.of('__proto__'), tally.size]).toEqual([0, 0])
})

test('a listener that throws breaks neither the path nor the other listeners', () => {
  const events = new Events()
  const heard: unknown[] = []
  events.on('gateway.failed', ({ during }) => void heard.push(during))
  events.on('live.gap', () => {
    throw new Error('a bug in an observer')
  })
  events.on('live.gap', ({ missed }) => void heard.push(missed))
  events.emit('live.gap', { source: 'orders', missed: 3 })
  expect(heard).toEqual(['a listener of live.gap', 3])
})
