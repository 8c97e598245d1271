import type { Redis } from 'ioredis'
import { GatewayError } from '../core/errors.ts'
import type { Generation } from './generation.ts'
import { channelOfUser, inboxKeys } from './keys.ts'
import { type Answer, type Argument, type Call, runScripts, type Scripts } from './scripts.ts'

export interface AskingOptions {
  readonly redis: Redis
  readonly generation: Generation
  readonly scripts: () => Scripts
  readonly prefix: string
  /** Random text that no inbox has had: letters, digits, `-` and `_`. */
  readonly newEpoch: () => string
  /** Something that Redis should never say: a fault of ours, or of its own. */
  readonly onFault: (error: unknown) => void
}

/** What a Redis says that cannot, or cannot now, and what is said of one that is away. Whatever else it says is a fault. */
const EXPECTED =
  /OOM|MISCONF|READONLY|LOADING|NOREPLICAS|MASTERDOWN|BUSY|NOAUTH|NOPERM|CLUSTERDOWN|timed out|closed|writeable|ECONN|EPIPE|Socket timeout/

/** Asks Redis about inboxes, once it is known which life of it this is. @throws GatewayError `store.unavailable` */
export class Asking {
  readonly #options: AskingOptions

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

  runAll(calls: () => readonly Call[]): Promise<readonly Answer[]> {
    return this.ask((redis) => runScripts(redis, calls()))
  }

  async ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    this.generation()
    try {
      return await question(this.#options.redis)
    } catch (error) {
      if (error instanceof GatewayError) throw error
      const reason = error instanceof Error ? error.message : `${error}`
      // The error itself carries the command, and so what was to be kept; its message does not.
      if (!EXPECTED.test(reason)) this.#options.onFault(new Error(reason))
      throw new GatewayError('store.unavailable', { cause: reason })
    }
  }

  generation(): string {
    const known = this.#options.generation.current()
    if (known === undefined) throw new GatewayError('store.unavailable', { cause: 'its generation is not known' })
    return known
  }
}
