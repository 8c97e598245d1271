import type { Redis } from 'ioredis'
import { GatewayError } from '../core/errors.ts'
import type { Generation } from './generation.ts'
import { channelOfUser, inboxKeys } from './keys.ts'
import { type Answer, type Argument, type Call, type Outcome, runScripts, type Scripts } from './scripts.ts'

export interface AskingOptions {
  readonly redis: Redis
  readonly generation: Generation
  readonly scripts: () => Scripts
  readonly prefix: string
  /** Random text that no inbox has had: letters, digits, `-` and `_`. */
  readonly newEpoch: () => string
  /** Hears what went wrong, an outage or a fault of ours. */
  readonly onFault: (error: unknown) => void
}

/** An outage is announced once, as `store.lost`; it is no fault. */
export const isOutage = (error: unknown) => error instanceof Error && OUTAGE.test(error.message)
/** Redis's own word for why it refuses, such as OOM or READONLY. */
export const refusalIn = (error: unknown) => (error instanceof Error ? REFUSAL.exec(error.message)?.[0] : undefined)

/** What a Redis says that cannot, or cannot now. */
const REFUSAL = /OOM|MISCONF|READONLY|LOADING|NOREPLICAS|MASTERDOWN|BUSY|NOAUTH|NOPERM|CLUSTERDOWN/
/** What is said of one that is away. Whatever else it says is a fault. */
const OUTAGE = /timed out|max retries per request|closed|writeable|ECONN|EPIPE|Socket timeout/

/** In one round trip, about. */
const BATCH = 200

interface Waiting {
  readonly calls: readonly Call[]
  readonly generation: string
  readonly resolve: (outcomes: readonly Outcome[]) => void
  readonly reject: (error: GatewayError) => void
}

/** Asks Redis about inboxes, once it is known which life of it this is. @throws GatewayError `store.unavailable` */
export class Asking {
  readonly #options: AskingOptions
  /** What this turn of the event loop has to ask. Its bound is that of who asks. */
  #waiting: Waiting[] = []

  constructor(options: AskingOptions) {
    this.#options = options
  }

  get scripts(): Scripts {
    return this.#options.scripts()
  }

  /** `field`: read along with the inbox. */
  call(name: keyof Scripts, user: string, args: readonly Argument[], field = ''): Call {
    const { prefix, newEpoch } = this.#options
    return {
      script: this.scripts[name],
      keys: inboxKeys(prefix, user),
      args: [channelOfUser(prefix, user), this.generation(), newEpoch(), field, ...args],
    }
  }

  async run(name: keyof Scripts, user: string, args: readonly Argument[]): Promise<Answer> {
    const [answer = null] = await this.runAll(() => [this.call(name, user, args)])
    return answer
  }

  /** What many ask in one turn of the event loop goes out together. Rejects when one of these calls failed. */
  async runAll(calls: () => readonly Call[]): Promise<readonly Answer[]> {
    const generation = this.generation()
    const made = calls()
    if (this.#waiting.length === 0) setImmediate(() => this.#flush())
    const outcomes = await new Promise<readonly Outcome[]>((resolve, reject) => {
      this.#waiting.push({ calls: made, generation, resolve, reject })
    })
    return outcomes.map(([error, answer]) => {
      if (error !== null) throw this.#unavailable(error)
      // Our own scripts answer nothing else.
      return answer as Answer
    })
  }

  async ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    this.generation()
    try {
      return await question(this.#options.redis)
    } catch (error) {
      throw this.#unavailable(error)
    }
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    let batch: Waiting[] = []
    let size = 0
    for (const one of waiting) {
      // Redis has become another one meanwhile, or may have.
      if (one.generation !== this.#options.generation.current()) {
        one.reject(this.#unavailable(new Error('Connection is closed.')))
        continue
      }
      batch.push(one)
      size += one.calls.length
      if (size < BATCH) continue
      void this.#send(batch)
      batch = []
      size = 0
    }
    if (batch.length > 0) void this.#send(batch)
  }

  /** Never rejects: each who waits is told. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    const calls = batch.flatMap((one) => one.calls)
    try {
      const outcomes = await runScripts(this.#options.redis, calls)
      let from = 0
      for (const { calls, resolve } of batch) {
        resolve(outcomes.slice(from, from + calls.length))
        from += calls.length
      }
    } catch (error) {
      for (const { reject } of batch) reject(this.#unavailable(error))
    }
  }

  #unavailable(error: unknown): GatewayError {
    const reason = error instanceof Error ? error.message : `${error}`
    // The error itself carries the command, and so what was to be kept; its message does not.
    this.#options.onFault(new Error(reason))
    return new GatewayError('store.unavailable', { cause: reason })
  }

  generation(): string {
    const known = this.#options.generation.current()
    if (known === undefined) throw new GatewayError('store.unavailable', { cause: 'its generation is not known' })
    return known
  }
}
