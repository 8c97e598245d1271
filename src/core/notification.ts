import type { Address } from './address.ts'
import type { Change, Counts, Flags, Item } from './inbox.ts'
import type { RawJson } from './rawJson.ts'
import type { User } from './session.ts'

/** What a sender wants to be said, checked and not yet stamped. */
export interface Draft {
  readonly to: readonly Address[]
  /** undefined: the recipient's default. */
  readonly type: string | undefined
  readonly body: RawJson
  readonly id: string | undefined
  /** Milliseconds since 1970 by the notifier's clock. */
  readonly at: number | undefined
  readonly ttlMs: number | undefined
  readonly collapse: string | undefined
  /** Ids are scoped by it; '' when the sender names none. */
  readonly source: string
  /** The notifier's own counting, by which a hole is seen. */
  readonly sequence: Sequence | undefined
}

/** `seq` counts from 1 per source, epoch and recipient. */
export interface Sequence {
  readonly epoch: string
  readonly seq: number
}

/** One notification on its way to one address. */
export interface Notification {
  readonly to: Address
  /** As browsers see it: `source:id`, or the id alone where the sender named no source. */
  readonly id: string
  readonly type: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly body: RawJson
  readonly expiresAt: number | undefined
  readonly collapse: string | undefined
  /** Where it stands in its user's inbox, and its flags; undefined: it is live. */
  readonly kept?: (Position & Flags) | undefined
}

/** Where a client stands in its inbox. A new epoch: that inbox was made anew. */
export interface Position {
  readonly epoch: string
  readonly seq: number
}

/** The first thing a browser hears (PROTOCOL.md §4). */
export interface Hello {
  readonly user: User
  readonly connection: string
  readonly mode: 'fresh' | 'resumed' | 'snapshot'
  readonly position: Position
  readonly counts: Counts
  /** In `snapshot`: the newest page, oldest first. */
  readonly items?: readonly Item[]
}

/** Something in the user's inbox is another than before: `inbox` to each of the user's devices. */
export interface InboxChange {
  readonly epoch: string
  readonly rev: number
  readonly counts: Counts
  readonly changes: readonly Change[]
}

/** The last thing a browser hears. After `drain` and `slow` it comes back by itself, after the others it does not. */
export interface Farewell {
  readonly code: 'drain' | 'slow' | 'expired' | 'revoked' | 'limit'
  readonly retryInMs: number
}
