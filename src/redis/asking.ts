import type { Redis } from 'ioredis'
import { GatewayError } from '../core/errors.ts'
import type { Generation } from './generation.ts'
import { channelOfUser, INBOX_PARTS, inboxKey } from './keys.ts'
import {
  END,
  type Outgoing,
  printArgument,
  printArguments,
  printAscii,
  printCommand,
  printCount,
  printLength,
  type Reply,
  ReplyError,
} from './resp.ts'
import { askAll, type Question, type RespConnection } from './respConnection.ts'
import { type Argument, loadOf, type Script, type Scripts } from './scripts.ts'

/** Several calls of one script. */
export interface Calls<T> {
  readonly name: keyof Scripts
  readonly count: number
  /** One of them; again, if Redis has forgotten the script. */
  write(out: Outgoing, i: number, script: Script): void
  /** What the replies say, one for each call. */
  read(replies: readonly Reply[]): T
}

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
const OUTAGE = /timed out|max retries per request|closed|writeable|ECONN|EPIPE|ETIMEDOUT|UNREACH|Socket timeout/

/** Asks Redis about inboxes, once it is known which life of it this is. @throws GatewayError `store.unavailable` */
export class Asking {
  readonly #options: AskingOptions
  /** These it is being told again. */
  readonly #told = new Set<Script>()

  constructor(options: AskingOptions) {
    this.#options = options
  }

  /** Begins a call on one inbox: so many arguments have to follow, a field that is read along with it first. */
  begin({ called }: Script, user: string, more: number): string {
    const { prefix, newEpoch } = this.#options
    const keys = printKeys(inboxKey(prefix, user))
    const channel = printArgument(channelOfUser(prefix, user))
    const generation = printAscii(this.generation())
    return `${printCount(10 + more)}${called}${keys}${channel}${generation}${printAscii(newEpoch())}`
  }

  call(script: Script, user: string, args: readonly Argument[]): string {
    return `${this.begin(script, user, 1 + args.length)}${printArguments(['', ...args])}${END}`
  }

  run(name: keyof Scripts, user: string, args: readonly Argument[]): Promise<Reply> {
    return this.runAll({
      name,
      count: 1,
      write: (out, _, script) => out.text(this.call(script, user, args)),
      read: ([reply = null]) => reply,
    })
  }

  /**
   * What many ask in one turn of the event loop goes out together, and is run in that order. Rejects when one of these
   * calls failed.
   */
  runAll<T>(calls: Calls<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const connection = this.#options.generation.connection()
      if (connection === undefined) throw unknown()
      const script = this.#options.scripts()[calls.name]
      if (calls.count === 0) resolve(calls.read([]))
      else connection.ask(new Asked(this, connection, script, calls, resolve, reject))
    })
  }

  /** Commands, one behind the other. Rejects when one of them was refused. */
  async tell(commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
    const connection = this.#options.generation.connection()
    if (connection === undefined) throw unknown()
    try {
      return await askAll(connection, commands)
    } catch (error) {
      throw this.unavailable(error)
    }
  }

  async ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    this.generation()
    try {
      return await question(this.#options.redis)
    } catch (error) {
      throw this.unavailable(error)
    }
  }

  generation(): string {
    const known = this.#options.generation.current()
    if (known === undefined) throw unknown()
    return known
  }

  /** It has forgotten the script. */
  load(connection: RespConnection, script: Script): void {
    if (this.#told.has(script)) return
    this.#told.add(script)
    const done = () => void this.#told.delete(script)
    connection.ask({ count: 1, write: (out) => out.text(printCommand(loadOf(script))), hear: done, fail: done })
  }

  /** Tells who has to know of it. */
  unavailable(error: unknown): GatewayError {
    const reason = error instanceof Error ? error.message : `${error}`
    // The error itself carries the command, and so what was to be kept; its message does not.
    this.#options.onFault(new Error(reason))
    return new GatewayError('store.unavailable', { cause: reason })
  }
}

/** Calls under way. */
class Asked<T> implements Question {
  readonly count: number
  readonly #asking: Asking
  readonly #connection: RespConnection
  readonly #script: Script
  readonly #calls: Calls<T>
  readonly #resolve: (value: T) => void
  readonly #reject: (error: unknown) => void
  readonly #replies: Reply[] = []
  #heard = 0
  #answered = 0

  constructor(
    asking: Asking,
    connection: RespConnection,
    script: Script,
    calls: Calls<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.count = calls.count
    this.#asking = asking
    this.#connection = connection
    this.#script = script
    this.#calls = calls
    this.#resolve = resolve
    this.#reject = reject
  }

  write(out: Outgoing): void {
    for (let i = 0; i < this.count; i++) this.#calls.write(out, i, this.#script)
  }

  hear(reply: Reply): void {
    const i = this.#heard++
    if (isForgotten(reply)) this.#askAgain(i)
    else this.#answer(i, reply)
  }

  fail(error: Error): void {
    this.#reject(this.#asking.unavailable(error))
  }

  #askAgain(i: number): void {
    this.#asking.load(this.#connection, this.#script)
    this.#connection.ask({
      count: 1,
      write: (out) => this.#calls.write(out, i, this.#script),
      hear: (reply) => this.#answer(i, reply),
      fail: (error) => this.fail(error),
    })
  }

  #answer(i: number, reply: Reply): void {
    this.#replies[i] = reply
    if (++this.#answered < this.count) return
    const refusal = this.#replies.find((each) => each instanceof ReplyError)
    try {
      if (refusal === undefined) this.#resolve(this.#calls.read(this.#replies))
      else this.fail(refusal)
    } catch (error) {
      this.#reject(error)
    }
  }
}

function printKeys(inbox: string): string {
  const bytes = Buffer.byteLength(inbox)
  let text = ''
  for (const part of INBOX_PARTS) text += `${printLength(bytes + part.length)}${inbox}${part}`
  return text
}

const isForgotten = (reply: Reply) => reply instanceof ReplyError && reply.message.startsWith('NOSCRIPT')
const unknown = () => new GatewayError('store.unavailable', { cause: 'its generation is not known' })
