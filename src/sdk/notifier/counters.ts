/**
 * Counts what went to each recipient, from 1, within an epoch. The number of counters is bounded: to forget them all
 * at once without looking like a loss, a new epoch begins.
 */
export class Counters {
  readonly #max: number
  readonly #newEpoch: () => string
  readonly #counts = new Map<string, number>()
  #epoch: string

  constructor(max: number, newEpoch: () => string) {
    this.#max = max
    this.#newEpoch = newEpoch
    this.#epoch = newEpoch()
  }

  get epoch(): string {
    return this.#epoch
  }

  /** The number that the next one to this recipient bears, if it is sent. */
  next(recipient: string): number {
    const count = this.#counts.get(recipient)
    if (count === undefined && this.#counts.size >= this.#max) {
      this.#counts.clear()
      this.#epoch = this.#newEpoch()
    }
    return (count ?? 0) + 1
  }

  /** It was sent: the number is used up. What was not sent leaves no hole. */
  sent(recipient: string, seq: number): void {
    this.#counts.set(recipient, seq)
  }
}
