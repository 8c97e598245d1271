import type { Clock } from '../core/ports.ts'

/** The machine's own time. */
export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  later(ms, run) {
    if (ms > MAX_TIMEOUT_MS) return inStages(ms, run)
    const timer = setTimeout(run, ms).unref()
    return () => clearTimeout(timer)
  },
}

/** setTimeout takes 31 bits. */
function inStages(ms: number, run: () => void): () => void {
  let cancel = systemClock.later(MAX_TIMEOUT_MS, () => {
    cancel = systemClock.later(ms - MAX_TIMEOUT_MS, run)
  })
  return () => cancel()
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1
