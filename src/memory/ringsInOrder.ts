import type { Ring } from '../core/inbox.ts'

export interface Bell {
  ring(ring: Ring): void
  onRing(hear: (ring: Ring) => void): void
}

/**
 * Rings synchronously. Everybody hears a ring before anybody hears the next, also when one who hears it causes the
 * next.
 */
export function ringsInOrder(): Bell {
  const hearers: ((ring: Ring) => void)[] = []
  const waiting: Ring[] = []
  let isRinging = false

  function ringAll(): void {
    for (let ring = waiting.shift(); ring !== undefined; ring = waiting.shift()) for (const hear of hearers) hear(ring)
  }

  return {
    onRing: (hear) => void hearers.push(hear),
    ring(ring) {
      waiting.push(ring)
      if (isRinging) return
      isRinging = true
      try {
        ringAll()
      } finally {
        isRinging = false
      }
    },
  }
}
