import type { Clock } from '../../core/ports.ts'

const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** The machine's own time. Its timers never keep the program alive. */
export const systemClock = clockOf((timer) => timer.unref())

/** The same for what has to be done before the program may end. */
export const wakefulClock = clockOf((timer) => timer)

function clockOf(made: (timer: NodeJS.Timeout) => void): Clock {
  return {
    now: Date.now,
    monotonic: () => performance.now(),
    later(ms, run) {
      const timer = setTimeout(run, Math.min(ms, MAX_TIMEOUT_MS))
      made(timer)
      return () => clearTimeout(timer)
    },
  }
}

/** Runs again and again, until the returned function is called. */
export function every(ms: number, clock: Clock, run: () => void): () => void {
  let cancel = clock.later(ms, tick)
  function tick() {
    cancel = clock.later(ms, tick)
    run()
  }
  return () => cancel()
}
