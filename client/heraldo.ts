import type { Farewell, Meta, User } from './wire.ts'

/** What a page holds of its connection to a gateway. */
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
