import type { Change, Counts, Farewell, ListQuery, Marked, MarkOp, Meta, Page, Position, User } from './wire.ts'

/** What a page holds of its connection to a gateway. */
export interface Heraldo {
  readonly state: State
  readonly reason: Reason | undefined
  /** Whom the gateway greeted last. */
  readonly user: User | undefined
  readonly inbox: Inbox
  /** Returns what takes the listener away again. */
  on<Name extends keyof Happenings>(name: Name, listener: (...args: Happenings[Name]) => unknown): () => void
  /** Tries at once, after `refused`, `ended` or in a pause; otherwise it is under way already. */
  connect(): void
  close(): void
}

/** The user's kept notifications. What it is asked rejects with a `HeraldoError`, at once when it is not connected. */
export interface Inbox {
  /** undefined until the gateway has greeted us, like `position`. */
  readonly counts: Counts | undefined
  /** Up to where everything has been told here. For `mark(op, { upTo })`: it marks nothing that came unseen meanwhile. */
  readonly position: Position | undefined
  /** As of the moment in which it resolves. An item may come as a `notification` after that: go by its id. */
  list(query?: ListQuery): Promise<Page>
  /** Resolves when it is done. What it did to items comes as a `change`, here and on the user's other devices. */
  mark(op: MarkOp, what: Marked): Promise<Counts>
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
  /** Each id once, over all connections. A kept one that was missed comes when we are back, before newer ones. */
  notification: [body: unknown, meta: Meta]
  /** Whole; after every greeting and whenever they have changed. */
  counts: [counts: Counts]
  /** Marked here or elsewhere, expired, replaced, trimmed: absolute, so applying one twice does no harm. */
  change: [changes: readonly Change[]]
  /** What the page has listed may be out of date, or nothing was listed yet: time for `inbox.list()`. */
  stale: []
  state: [state: State, reason: Reason | undefined]
  /** What follows from it has happened already, see `state`. */
  bye: [farewell: Farewell]
}
