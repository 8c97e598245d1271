/** A token bucket: `perSecond` on average, `burst` at once. A rate of 0 sets no limit. */
export class RateLimit {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledAt = 0

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
  }

  /** Takes one token if there is one. `now` in milliseconds, from a clock that never goes back. */
  take(now: number): boolean {
    if (this.#perSecond === 0) return true
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond)
    this.#filledAt = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
