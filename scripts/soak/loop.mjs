import { setTimeout as pause } from 'node:timers/promises'

/** Does something again and again, with pauses between, until it is over. */
export async function loop(over, pauseMs, step) {
  while (!over.aborted) {
    await pause(pauseMs(), undefined, { signal: over }).catch(() => {})
    if (!over.aborted) await step()
  }
}

export const between = (low, high) => low + Math.random() * (high - low)
export const oneOf = (list) => list[Math.floor(Math.random() * list.length)]
/** Sleeps, and wakes early when it is over. */
export const rest = (ms, over) => pause(ms, undefined, { signal: over }).catch(() => {})
/** UTC. */
export const timeOfDay = () => new Date().toISOString().slice(11, 19)
