import type { Clock } from '../../src/core/ports.ts'

/** A clock that the test winds by hand. */
export function fakeClock(start = 1_763_750_000_000): Clock & { advance(ms: number): void; readonly timers: number } {
  let elapsed = 0
  const timers = new Set<{ due: number; run: () => void }>()
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    later(ms, run) {
      const timer = { due: elapsed + ms, run }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    advance(ms) {
      const end = elapsed + ms
      for (;;) {
        const next = [...timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0]
        if (next === undefined) break
        timers.delete(next)
        elapsed = next.due
        next.run()
      }
      elapsed = end
    },
    get timers() {
      return timers.size
    },
  }
}
