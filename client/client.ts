import { type Ask, notConnected } from './ask.ts'
import { type Attempt, attempt } from './attempt.ts'
import type { Happenings, Heraldo, Reason, State } from './heraldo.ts'
import { ClientInbox } from './inbox.ts'
import { Listeners } from './listeners.ts'
import type { Options } from './options.ts'
import { Pauses } from './pauses.ts'
import { Places } from './places.ts'
import { Remembered } from './remembered.ts'
import type { Farewell, Hello, Meta, User } from './wire.ts'

/**
 * Connects, and connects again. One loop instead of two: Socket.IO's own reconnection would ask for credentials when the
 * connection stands already, where the gateway waits five seconds for them, and knows no refusals. So every attempt has a
 * socket of its own.
 */
export class Client implements Heraldo {
  readonly inbox: ClientInbox
  readonly #url: string
  readonly #options: Options
  readonly #listeners = new Listeners<Happenings>()
  readonly #remembered: Remembered
  readonly #pauses: Pauses
  #state: State = 'ended'
  #reason: Reason | undefined
  #user: User | undefined
  #attempt: Attempt | undefined

  constructor(url: string, options: Options) {
    this.#url = url
    this.#options = options
    this.#remembered = new Remembered(new Places(url, options.storage))
    this.#pauses = new Pauses(options.socketio?.reconnectionDelay, options.socketio?.reconnectionDelayMax)
    this.inbox = new ClientInbox(this.#ask, this.#listeners, this.#remembered)
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
    if (!isOver && !this.#pauses.isUnderWay) return
    this.#pauses.startOver()
    this.#try()
    if (isOver) this.#show('connecting')
  }

  close(): void {
    this.#end('ended', { code: 'closed', message: 'closed by the page' })
  }

  readonly #ask: Ask = (name, payload) =>
    this.#state === 'connected' && this.#attempt ? this.#attempt.ask(name, payload) : Promise.reject(notConnected())

  #try(): void {
    this.#leave()
    this.#attempt = attempt(this.#url, this.#options, {
      since: () => this.#remembered.since,
      hello: (hello) => this.#greeted(hello),
      notification: (body, meta) => this.#heard(body, meta),
      change: (change) => this.inbox.changed(change),
      bye: (farewell) => this.#dismissed(farewell),
      failed: (reason) => this.#tryAgain(reason),
      ended: (state, reason) => this.#end(state, reason),
    })
  }

  #greeted(hello: Hello): void {
    const missed = this.#remembered.greeted(hello)
    const isStale = this.inbox.greeted(hello)
    this.#user = hello.user
    this.#pauses.startOver()
    this.#show('connected')
    this.#listeners.tell('counts', hello.counts)
    if (isStale) this.#listeners.tell('stale')
    const { epoch } = hello.position
    for (const { body, ...meta } of missed) this.#listeners.tell('notification', body, { ...meta, epoch })
    this.#remembered.save()
  }

  #heard(body: unknown, meta: Meta): void {
    if (this.#remembered.isNew(meta)) {
      this.inbox.heard(body, meta)
      this.#listeners.tell('notification', body, meta)
    }
    this.#remembered.save()
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

  #tryAgain(reason: Reason, afterMs?: number): void {
    this.#leave()
    this.#pauses.begin(() => this.#try(), afterMs)
    this.#show('reconnecting', reason)
  }

  #end(state: 'refused' | 'ended', reason: Reason): void {
    this.#leave()
    this.#show(state, reason)
  }

  /** Nothing is heard of the attempt that is under way any more, and nothing follows by itself. */
  #leave(): void {
    this.#pauses.cut()
    this.#attempt?.leave()
    this.#attempt = undefined
  }

  /** Listeners may call us back, so this comes last. */
  #show(state: State, reason?: Reason): void {
    const isSame = state === this.#state && reason?.code === this.#reason?.code
    this.#state = state
    this.#reason = reason
    if (!isSame) this.#listeners.tell('state', state, reason)
  }
}
