import type { Clock } from '../../core/ports.ts'
import { NotifierError, notifierError } from './errors.ts'

const READY = Buffer.from('!ready|')
const HEARTBEAT = Buffer.from('!heartbeat|')
const SUBSCRIBE = 1
const UNSUBSCRIBE = 0

interface Waiting {
  readonly wake: () => void
  readonly reject: (reason: NotifierError) => void
}

/**
 * Whether a gateway hears us, as its subscriptions tell. It subscribes to `!ready|` when all its filters are out, and
 * holds `!heartbeat|` as long as it lives: both come on one wire, in order, and the socket itself takes back the
 * filters of whoever died.
 */
export class Audience {
  readonly #waiting = new Set<Waiting>()
  readonly #onGone: () => void
  #hears = false

  /** `onGone`: the last gateway has left. */
  constructor(onGone: () => void) {
    this.#onGone = onGone
  }

  /** One frame off the XPUB socket. */
  take(frame: Buffer): void {
    if (isTopic(frame, SUBSCRIBE, READY)) {
      this.#hears = true
      for (const { wake } of this.#waiting) wake()
    } else if (isTopic(frame, UNSUBSCRIBE, HEARTBEAT)) {
      this.#hears = false
      this.#onGone()
    }
  }

  /** Resolves as soon as a gateway hears. @throws NotifierError `notifier.notReady`, `notifier.closed` */
  untilHeard(timeoutMs: number, clock: Clock, problem: () => string): Promise<void> {
    if (this.#hears) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => () => {
        cancel()
        this.#waiting.delete(waiting)
        how()
      }
      const waiting: Waiting = { wake: settle(resolve), reject: (reason) => settle(() => reject(reason))() }
      const tooLate = () =>
        waiting.reject(new NotifierError('notifier.notReady', `No gateway heard within ${timeoutMs} ms. ${problem()}`))
      const cancel = clock.later(timeoutMs, tooLate)
      this.#waiting.add(waiting)
    })
  }

  /** Nobody will hear any more. */
  close(): void {
    for (const { reject } of this.#waiting) reject(notifierError('notifier.closed'))
  }
}

const isTopic = (frame: Buffer, kind: number, topic: Buffer) => frame[0] === kind && frame.subarray(1).equals(topic)
