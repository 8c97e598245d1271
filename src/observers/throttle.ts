import type { Clock } from '../core/ports.ts'

const WINDOW_MS = 1000
const MAX_KEYS = 256
const OTHERS = ''

/** What a line says beside its facts. */
export interface Held {
  /** How many were not printed since the line before. */
  readonly suppressed?: number
  /** The facts are one example: others beside it had no place of their own. */
  readonly mixed?: true
}

interface Entry<F> {
  printedAt: number
  suppressed: number
  facts: F
}

/**
 * At most one line a second for each key: the first at once, then one that says how many were not printed. Keys that
 * find no place share one, so that a flood with a million sources grows neither the log nor the memory.
 */
export class Throttle<F> {
  readonly #clock: Clock
  readonly #print: (facts: F, held: Held) => void
  readonly #merge: (held: F, next: F) => F
  readonly #entries = new Map<string, Entry<F>>()
  #cancelSweep: (() => void) | undefined

  constructor(clock: Clock, print: (facts: F, held: Held) => void, merge = (_held: F, next: F) => next) {
    this.#clock = clock
    this.#print = print
    this.#merge = merge
  }

  pass(key: string, facts: F): void {
    const place = this.#entries.has(key) || this.#entries.size < MAX_KEYS ? key : OTHERS
    const entry = this.#entries.get(place)
    if (entry !== undefined) {
      entry.facts = entry.suppressed === 0 ? facts : this.#merge(entry.facts, facts)
      entry.suppressed++
      return
    }
    this.#entries.set(place, { printedAt: this.#clock.monotonic(), suppressed: 0, facts })
    this.#print(facts, place === OTHERS ? { mixed: true } : {})
    this.#cancelSweep ??= this.#sweepLater()
  }

  /** Says at once what was held back, and forgets everything. */
  flush(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    for (const [key, entry] of this.#entries) this.#sum(key, entry)
    this.#entries.clear()
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#entries.size
  }

  #sweepLater(): () => void {
    return this.#clock.later(WINDOW_MS, () => {
      const now = this.#clock.monotonic()
      for (const [key, entry] of this.#entries) {
        if (now - entry.printedAt < WINDOW_MS) continue
        if (entry.suppressed === 0) this.#entries.delete(key)
        else this.#sum(key, entry)
      }
      this.#cancelSweep = this.#entries.size > 0 ? this.#sweepLater() : undefined
    })
  }

  #sum(key: string, entry: Entry<F>): void {
    if (entry.suppressed === 0) return
    const { facts, suppressed } = entry
    entry.printedAt = this.#clock.monotonic()
    entry.suppressed = 0
    this.#print(facts, key === OTHERS ? { suppressed, mixed: true } : { suppressed })
  }
}
