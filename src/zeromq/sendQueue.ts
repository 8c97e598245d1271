/** The writable half of a socket that never has to wait: made with `sendTimeout: 0` and no high-water mark. */
interface Sink {
  readonly closed: boolean
  send(frame: string): Promise<void>
}

const PER_TURN = 1_000
const TAKEN = Promise.resolve()

/**
 * Subscriptions on their way into one socket, in the order in which they were issued. The first thousand of a turn go
 * at once; a hundred thousand filters for a new notifier must not hold up everybody else.
 */
export class SendQueue {
  readonly #sink: Sink
  readonly #onError: (error: unknown) => void
  readonly #waiting: { readonly frame: string; readonly taken: () => void }[] = []
  #sentThisTurn = 0

  constructor(sink: Sink, onError: (error: unknown) => void) {
    this.#sink = sink
    this.#onError = onError
  }

  /** Resolves when the socket has it, or will never want it again because it was closed. */
  push(frame: string): Promise<void> {
    if (this.#waiting.length === 0 && this.#sentThisTurn < PER_TURN) {
      this.#send(frame)
      return TAKEN
    }
    return new Promise((taken) => {
      this.#waiting.push({ frame, taken })
    })
  }

  #send(frame: string): void {
    if (this.#sentThisTurn++ === 0) setImmediate(() => this.#beginTurn())
    if (this.#sink.closed) return
    this.#sink.send(frame).catch((error: unknown) => {
      if (!this.#sink.closed) this.#onError(error)
    })
  }

  #beginTurn(): void {
    this.#sentThisTurn = 0
    for (const { frame, taken } of this.#waiting.splice(0, PER_TURN)) {
      this.#send(frame)
      taken()
    }
  }
}
