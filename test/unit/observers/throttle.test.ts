import { type Held, Throttle } from '../../../src/observers/throttle.ts'
import { fakeClock } from '../../support/fakeClock.ts'

function newThrottle() {
  const clock = fakeClock()
  const lines: [at: number, facts: number, held: Held][] = []
  const throttle = new Throttle<number>(
    clock,
    (facts, held) => void lines.push([clock.monotonic(), facts, held]),
    (held, next) => held + next,
  )
  return { clock, lines, throttle }
}

test('the first is printed at once, the others together a second later', () => {
  const { clock, lines, throttle } = newThrottle()
  for (const n of [1, 2, 3]) throttle.pass('a', n)
  expect(lines).toEqual([[0, 1, {}]])
  clock.advance(1000)
  expect(lines.slice(1)).toEqual([[1000, 5, { suppressed: 2 }]])
})

test('however a flood runs, no two lines of a key are closer than a second', () => {
  const { clock, lines, throttle } = newThrottle()
  throttle.pass('other', 0)
  clock.advance(900)
  for (let i = 0; i < 5000; i++) {
    throttle.pass('a', 1)
    clock.advance(1)
  }
  const at = lines.filter(([, facts]) => facts > 0).map(([at]) => at)
  expect(at[0]).toBe(900)
  for (let i = 1; i < at.length; i++) expect((at[i] ?? 0) - (at[i - 1] ?? 0)).toBeGreaterThanOrEqual(1000)
  throttle.flush()
  expect(lines.reduce((sum, [, facts]) => sum + facts, 0)).toBe(5000)
})

test('a key that was quiet for a second is forgotten, and no timer stays', () => {
  const { clock, lines, throttle } = newThrottle()
  throttle.pass('a', 1)
  clock.advance(2000)
  expect([throttle.size, clock.timers]).toEqual([0, 0])
  throttle.pass('a', 2)
  expect(lines).toHaveLength(2)
})

test('a million keys share what room there is', () => {
  const { clock, lines, throttle } = newThrottle()
  for (let i = 0; i < 1_000_000; i++) throttle.pass(`source-${i}`, 1)
  expect(throttle.size).toBeLessThan(300)
  expect(lines.length).toBeLessThan(300)
  expect(lines.at(-1)).toEqual([0, 1, { mixed: true }])
  clock.advance(1000)
  expect(lines.at(-1)?.[2].mixed).toBe(true)
  expect(lines.reduce((sum, [, facts]) => sum + facts, 0)).toBe(1_000_000)
  clock.advance(2000)
  expect([throttle.size, clock.timers]).toEqual([0, 0])
})

test('flush says what was held back, and leaves no timer', () => {
  const { clock, lines, throttle } = newThrottle()
  throttle.pass('a', 1)
  throttle.pass('a', 2)
  throttle.flush()
  expect(lines.at(-1)).toEqual([0, 2, { suppressed: 1 }])
  expect(clock.timers).toBe(0)
})
