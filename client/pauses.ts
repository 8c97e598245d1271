const FIRST_MS = 1_000
const LONGEST_MS = 10_000

/** The pauses between attempts, which grow for as long as nothing succeeds. */
export class Pauses {
  readonly #firstMs: number
  readonly #longestMs: number
  #timer: ReturnType<typeof setTimeout> | undefined
  /** In a row. */
  #failures = 0

  constructor(firstMs = FIRST_MS, longestMs = LONGEST_MS) {
    this.#firstMs = firstMs
    this.#longestMs = longestMs
  }

  get isUnderWay(): boolean {
    return this.#timer !== undefined
  }

  /** `ms` is for those who were told how long; it leaves the others as they are. */
  begin(next: () => void, ms = pauseAfter(++this.#failures, this.#firstMs, this.#longestMs)): void {
    this.cut()
    this.#timer = setTimeout(next, ms)
  }

  cut(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** The next one is the shortest again. */
  startOver(): void {
    this.#failures = 0
  }
}

/** Before the next attempt: doubles with every failure up to the longest, and half more or less, so that tabs spread. */
export function pauseAfter(failures: number, firstMs: number, longestMs: number, random = Math.random()): number {
  return Math.min(longestMs, firstMs * 2 ** (failures - 1)) * (0.5 + random)
}
