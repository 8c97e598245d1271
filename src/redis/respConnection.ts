import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { RedisOptions } from 'ioredis'
import type { Clock } from '../core/ports.ts'
import { Outgoing, printCommand, type Reply, ReplyError, ReplyReader } from './resp.ts'

export interface RespConnectionOptions {
  /** Where, as whom, and for how long a Redis that owes an answer may say nothing: its `commandTimeout`. */
  readonly redis: RedisOptions
  readonly clock: Clock
  /** Called once, when everybody who waited for a reply was told. Not after `end()`. */
  readonly onLost: (error: Error) => void
}

/** Some commands, asked one behind the other. */
export interface Question {
  /** How many replies there will be, one at least. */
  readonly count: number
  write(out: Outgoing): void
  /** Each reply in its turn; a refusal is one. */
  hear(reply: Reply): void
  /** The connection has ended: no further reply comes, and whether the commands were run nobody knows. */
  fail(error: Error): void
}

const SILENCE_MS = 2_000
const KEEPALIVE_MS = 10_000
/** So many who were told are let go of at once. */
const SWEEP_AT = 1_024
/** Who names a password where none is needed is let in. */
const NEEDS_NONE = /no password is set|without any password configured/

/** One TCP, TLS or Unix connection to Redis, until it ends. What is asked in one turn of the event loop is one write. */
export class RespConnection {
  readonly #options: RespConnectionOptions
  readonly #silenceMs: number
  readonly #socket: Socket
  readonly #reader = new ReplyReader((reply) => this.#hear(reply))
  /** Who waits for replies, oldest first, from `#next` on. Their bound, and that of the bytes, is that of who asks. */
  readonly #asked: Question[] = []
  #next = 0
  /** Replies of the next one that have come. */
  #heard = 0
  readonly #out = new Outgoing()
  #isFlushing = false
  #isEnded = false
  /** When Redis was last heard, or began to owe an answer. */
  #heardAt = 0
  #cancelWatch: (() => void) | undefined

  constructor(options: RespConnectionOptions) {
    this.#options = options
    this.#silenceMs = options.redis.commandTimeout ?? SILENCE_MS
    this.#socket = open(options.redis)
    this.#socket.on('data', (bytes: Buffer) => this.#read(bytes))
    this.#socket.on('error', (error) => this.#lose(error))
    this.#socket.on('close', () => this.#lose(closed()))
    this.#logIn(options.redis)
  }

  ask(question: Question): void {
    if (this.#isEnded) {
      question.fail(closed())
      return
    }
    this.#watch()
    this.#asked.push(question)
    if (!this.#isFlushing) setImmediate(this.#flush)
    this.#isFlushing = true
    try {
      question.write(this.#out)
    } catch (error) {
      // Half a command cannot be taken back.
      this.#lose(error as Error)
    }
  }

  end(): void {
    this.#stop(closed())
  }

  readonly #flush = (): void => {
    this.#isFlushing = false
    if (this.#isEnded) return
    for (const bytes of this.#out.take()) this.#socket.write(bytes)
  }

  #read(bytes: Buffer): void {
    this.#heardAt = this.#options.clock.monotonic()
    try {
      this.#reader.read(bytes)
    } catch (error) {
      this.#lose(error as Error)
    }
  }

  #hear(reply: Reply): void {
    if (this.#isEnded) return
    const question = this.#asked[this.#next]
    if (question === undefined) throw new Error('Redis answers what nobody asked')
    if (++this.#heard === question.count) this.#advance()
    question.hear(reply)
  }

  #advance(): void {
    this.#heard = 0
    if (++this.#next < SWEEP_AT && this.#next < this.#asked.length) return
    this.#asked.splice(0, this.#next)
    this.#next = 0
  }

  get #owesNothing(): boolean {
    return this.#next === this.#asked.length
  }

  #watch(): void {
    const { clock } = this.#options
    if (this.#owesNothing) this.#heardAt = clock.monotonic()
    this.#cancelWatch ??= clock.later(this.#silenceMs, this.#look)
  }

  /** Looks from time to time, not at each question, whether Redis still answers. */
  readonly #look = (): void => {
    const { clock } = this.#options
    this.#cancelWatch = undefined
    if (this.#owesNothing) return
    const leftMs = this.#heardAt + this.#silenceMs - clock.monotonic()
    if (leftMs <= 0) this.#lose(new Error('Command timed out'))
    else this.#cancelWatch = clock.later(leftMs, this.#look)
  }

  #lose(error: Error): void {
    if (this.#isEnded) return
    this.#stop(error)
    this.#options.onLost(error)
  }

  #stop(error: Error): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#cancelWatch?.()
    this.#socket.destroy()
    const asked = this.#asked.splice(0).slice(this.#next)
    this.#next = 0
    for (const question of asked) question.fail(error)
  }

  #logIn({ username, password, db = 0 }: RedisOptions): void {
    const hear = (reply: Reply) => {
      if (reply instanceof ReplyError && !NEEDS_NONE.test(reply.message)) this.#lose(reply)
    }
    const tell = (...args: readonly string[]) =>
      this.ask({ count: 1, write: (out) => out.text(printCommand(args)), hear, fail: () => {} })
    if (username) tell('AUTH', username, password ?? '')
    else if (password) tell('AUTH', password)
    // Out of a URL it is a text.
    if (`${db}` !== '0') tell('SELECT', `${db}`)
  }
}

/** The replies to some commands; a refusal rejects. */
export async function askAll(connection: RespConnection, commands: readonly (readonly string[])[]): Promise<Reply[]> {
  const replies = await new Promise<Reply[]>((resolve, fail) => {
    const replies: Reply[] = []
    connection.ask({
      count: commands.length,
      write(out) {
        for (const command of commands) out.text(printCommand(command))
      },
      hear(reply) {
        if (replies.push(reply) === commands.length) resolve(replies)
      },
      fail,
    })
  })
  const refusal = replies.find((reply) => reply instanceof ReplyError)
  if (refusal !== undefined) throw refusal
  return replies
}

/** As ioredis does. */
function open({ path, host = 'localhost', port = 6_379, family = 0, tls }: RedisOptions): Socket {
  const address = path === undefined ? { host, port: Number(port), family } : { path }
  const options = { ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS }
  // Out of a URL it is `true`.
  return tls === undefined ? connect(options) : connectTls({ ...options, ...(typeof tls === 'object' ? tls : {}) })
}

const closed = () => new Error('Connection is closed.')
