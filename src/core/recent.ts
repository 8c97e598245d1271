/**
 * Remembers what was claimed lately, so that a notification sent again is shown once. Two generations of `capacity`
 * keys each: it forgets the older one whole, and its memory has a bound whatever arrives.
 */
export class Recent {
  readonly #capacity: number
  #young = new Set<string>()
  #old = new Set<string>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** True for the first who claims the key, false for everyone after. */
  claim(key: string): boolean {
    if (this.#young.has(key) || this.#old.has(key)) return false
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young
      this.#young = new Set()
    }
    this.#young.add(key)
    return true
  }
}
