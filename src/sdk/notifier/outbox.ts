import { notifierError } from './errors.ts'

export type Frames = (string | Uint8Array)[]

export interface Letter {
  /** Made at the moment of sending, so that what never leaves is never numbered. */
  frames(): Frames
  /** It was handed to the socket. */
  sent(): void
}

interface Waiting {
  readonly letter: Letter
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/** One send after the other, in order: the socket takes no two at once. The queue is bounded. */
export class Outbox {
  readonly #send: (frames: Frames) => Promise<void>
  readonly #max: number
  readonly #queue: Waiting[] = []
  #sending: Promise<void> | undefined
  #closed = false

  constructor(send: (frames: Frames) => Promise<void>, max: number) {
    this.#send = send
    this.#max = max
  }

  /** Resolves when the socket has it. @throws NotifierError `notifier.busy` at the bound, `notifier.closed` */
  push(letter: Letter): Promise<void> {
    if (this.#closed) return Promise.reject(notifierError('notifier.closed'))
    if (this.#queue.length >= this.#max) return Promise.reject(notifierError('notifier.busy'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ letter, resolve, reject })
      this.#sending ??= this.#sendAll()
    })
  }

  /** Takes nothing more; resolves when everything has been handed to the socket. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#sending
  }

  async #sendAll(): Promise<void> {
    // What is being sent stays in the queue until it has left, so that the bound counts it.
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      try {
        await this.#send(next.letter.frames())
        next.letter.sent()
        next.resolve()
      } catch (cause) {
        next.reject(cause)
      }
      this.#queue.shift()
    }
    this.#sending = undefined
  }
}
