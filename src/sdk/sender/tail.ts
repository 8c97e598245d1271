import type { Entry } from './spool.ts'

/**
 * What was acknowledged lately, for the case that the store loses what it had acknowledged. Bounded: at the bound the
 * oldest is forgotten.
 */
export class Tail {
  readonly #maxCount: number
  readonly #maxBytes: number
  readonly #entries = new Set<Entry>()
  #bytes = 0

  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount
    this.#maxBytes = maxBytes
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0
  }

  add(entry: Entry): void {
    this.#entries.add(entry)
    this.#bytes += entry.request.bytes
    for (const oldest of this.#entries) {
      if (this.#entries.size <= this.#maxCount && this.#bytes <= this.#maxBytes) break
      this.#remove(oldest)
    }
  }

  /** What was stored before this moment has stood the test of time. */
  forgetBefore(time: number): void {
    for (const entry of this.#entries) {
      if (entry.stored === undefined || entry.stored.at > time) break
      this.#remove(entry)
    }
  }

  takeOldest(): Entry | undefined {
    const [oldest] = this.#entries
    if (oldest !== undefined) this.#remove(oldest)
    return oldest
  }

  /** What another life of the store has acknowledged. */
  takeOthersThan(store: string): readonly Entry[] {
    const others = [...this.#entries].filter(({ stored }) => stored?.by !== store)
    for (const entry of others) this.#remove(entry)
    return others
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry)
    this.#bytes -= entry.request.bytes
  }
}
