const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 2000

/**
 * How much at once, and after which pause. Where something fails the pauses grow and the window shrinks by half; what
 * succeeds ends the row of failures and widens the window again.
 */
export class Patience {
  readonly #maxWindow: number
  readonly #random: () => number
  #window: number
  #failures = 0
  #until = 0

  constructor(maxWindow: number, random: () => number) {
    this.#maxWindow = maxWindow
    this.#random = random
    this.#window = maxWindow
  }

  /** As many may be under way. */
  get window(): number {
    return this.#window
  }

  /** In a row. */
  get failures(): number {
    return this.#failures
  }

  isPausing(now: number): boolean {
    return now < this.#until
  }

  /** Pauses, with chance in it: whoever waits with us shall not come back in the same moment. A pause hears nothing. */
  failed(now: number): void {
    if (this.isPausing(now)) return
    const ms = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10))
    this.#failures++
    this.#window = Math.max(1, Math.floor(this.#window / 2))
    this.#until = now + ms * (0.5 + this.#random() / 2)
  }

  succeeded(): void {
    this.#failures = 0
    this.#window = Math.min(this.#maxWindow, this.#window + 1)
  }

  pauseUntil(time: number): void {
    this.#until = Math.max(this.#until, time)
  }
}
