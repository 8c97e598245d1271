import { io, type Socket } from 'socket.io-client'
import { Listeners } from './listeners.ts'
import type { Credentials, Options } from './options.ts'
import { pauseAfter } from './pause.ts'
import { Remembered } from './remembered.ts'
import { type Farewell, type Hello, type Meta, refusalIn, type User } from './wire.ts'

/**
 * `connecting`: the first attempt. `connected`: the gateway has greeted us. `reconnecting`: tries again by itself.
 * `refused` and `ended`: nothing happens until `connect()` is called.
 */
export type State = 'connecting' | 'connected' | 'reconnecting' | 'refused' | 'ended'

/**
 * Why it is not connected. `code` is that of the gateway's refusal or farewell, or one of our own: `network`, `auth` (the
 * page's function failed), `disconnected` (without a farewell), `refused` (without a code), `closed` (by the page).
 */
export interface Reason {
  readonly code: string
  readonly message: string
}

export interface Happenings {
  /** Each id once, over all connections. */
  notification: [body: unknown, meta: Meta]
  state: [state: State, reason: Reason | undefined]
  /** What follows from it has happened already, see `state`. */
  bye: [farewell: Farewell]
}

export interface Heraldo {
  readonly state: State
  readonly reason: Reason | undefined
  /** Whom the gateway greeted last. */
  readonly user: User | undefined
  /** Returns what takes the listener away again. */
  on<Name extends keyof Happenings>(name: Name, listener: (...args: Happenings[Name]) => unknown): () => void
  /** Tries at once, after `refused`, `ended` or in a pause; otherwise it is under way already. */
  connect(): void
  close(): void
}

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 10_000

/**
 * One loop instead of two: Socket.IO's own reconnection would ask for credentials when the connection stands already,
 * where the gateway waits five seconds for them, and knows no refusals. So every attempt has a socket of its own.
 */
export class Client implements Heraldo {
  readonly #url: string
  readonly #options: Options
  readonly #listeners = new Listeners<Happenings>()
  readonly #remembered = new Remembered()
  #state: State = 'ended'
  #reason: Reason | undefined
  #user: User | undefined
  #socket: Socket | undefined
  #pause: ReturnType<typeof setTimeout> | undefined
  /** Counts up; what belongs to an earlier one comes too late. */
  #attempt = 0
  /** In a row, since the last greeting. */
  #failures = 0

  constructor(url: string, options: Options) {
    this.#url = url
    this.#options = options
  }

  get state(): State {
    return this.#state
  }

  get reason(): Reason | undefined {
    return this.#reason
  }

  get user(): User | undefined {
    return this.#user
  }

  on<Name extends keyof Happenings>(name: Name, listener: (...args: Happenings[Name]) => unknown): () => void {
    return this.#listeners.on(name, listener)
  }

  connect(): void {
    const isOver = this.#state === 'refused' || this.#state === 'ended'
    if (!isOver && this.#pause === undefined) return
    this.#failures = 0
    void this.#try()
    if (isOver) this.#show('connecting')
  }

  close(): void {
    this.#end('ended', { code: 'closed', message: 'closed by the page' })
  }

  async #try(): Promise<void> {
    const attempt = this.#leave()
    let credentials: Credentials | undefined
    try {
      credentials = await Promise.resolve().then(this.#options.auth)
    } catch (error) {
      if (attempt === this.#attempt) this.#tryAgain({ code: 'auth', message: messageOf(error) })
      return
    }
    if (attempt === this.#attempt) this.#open(credentials)
  }

  #open(credentials: Credentials = {}): void {
    const { event = 'notification', socketio } = this.#options
    const ours = { auth: { ...credentials }, autoConnect: true, forceNew: true, reconnection: false }
    const socket = io(this.#url, { withCredentials: true, ...socketio, ...ours })
    this.#socket = socket
    socket.on('hello', (hello: Hello) => this.#greeted(hello))
    socket.on(event, (body: unknown, meta: Meta) => this.#heard(body, meta))
    socket.on('bye', (farewell: Farewell) => this.#dismissed(farewell))
    // A socket that is still active was refused by nobody: it found no gateway.
    socket.on('connect_error', (error) => (socket.active ? this.#lost(error.message) : this.#refused(error)))
    socket.on('disconnect', (reason) => {
      if (reason === 'io server disconnect') this.#end('ended', { code: 'disconnected', message: reason })
      else this.#lost(reason)
    })
  }

  /** Not only at the beginning: a gateway whose store went back in time greets again. */
  #greeted(hello: Hello): void {
    this.#remembered.greeted(hello)
    this.#user = hello.user
    this.#failures = 0
    this.#show('connected')
  }

  #heard(body: unknown, meta: Meta): void {
    if (this.#remembered.isNew(meta)) this.#listeners.tell('notification', body, meta)
  }

  #dismissed(farewell: Farewell): void {
    const { code, retryInMs } = farewell
    const reason = { code, message: `the gateway said bye: ${code}` }
    if (code === 'drain' || code === 'slow') this.#tryAgain(reason, retryInMs)
    // Whoever can be asked for a fresh credential is asked; one that is as old is refused, and that is the end.
    else if (code === 'expired' && this.#options.auth !== undefined) this.#tryAgain(reason)
    else this.#end('ended', reason)
    this.#listeners.tell('bye', farewell)
  }

  #refused(error: Error): void {
    const { code, message, retry } = refusalIn(error) ?? { code: 'refused', message: error.message, retry: false }
    if (retry) this.#tryAgain({ code, message })
    else this.#end('refused', { code, message })
  }

  #lost(message: string): void {
    this.#tryAgain({ code: 'network', message })
  }

  #tryAgain(reason: Reason, afterMs = this.#nextPauseMs()): void {
    this.#leave()
    this.#pause = setTimeout(() => void this.#try(), afterMs)
    this.#show('reconnecting', reason)
  }

  #end(state: 'refused' | 'ended', reason: Reason): void {
    this.#leave()
    this.#show(state, reason)
  }

  /** Drops the attempt that is under way, whatever it waits for, and returns the next one's number. */
  #leave(): number {
    clearTimeout(this.#pause)
    this.#pause = undefined
    this.#socket?.off()
    this.#socket?.disconnect()
    this.#socket = undefined
    return ++this.#attempt
  }

  #nextPauseMs(): number {
    const { reconnectionDelay = FIRST_PAUSE_MS, reconnectionDelayMax = LONGEST_PAUSE_MS } = this.#options.socketio ?? {}
    return pauseAfter(++this.#failures, reconnectionDelay, reconnectionDelayMax)
  }

  /** Listeners may call us back, so this comes last. */
  #show(state: State, reason?: Reason): void {
    const isSame = state === this.#state && reason?.code === this.#reason?.code
    this.#state = state
    this.#reason = reason
    if (!isSame) this.#listeners.tell('state', state, reason)
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
