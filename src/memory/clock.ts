import type { Clock } from '../core/ports.ts'

/** The machine's own time. */
export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  later(ms, run) {
    // setTimeout takes 31 bits; what is further away fires early and is asked again.
    const timer =
      ms > MAX_TIMEOUT_MS
        ? setTimeout(() => {
            cancel = systemClock.later(ms - MAX_TIMEOUT_MS, run)
          }, MAX_TIMEOUT_MS)
        : setTimeout(run, ms)
    timer.unref()
    let cancel = () => clearTimeout(timer)
    return () => cancel()
  },
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1
