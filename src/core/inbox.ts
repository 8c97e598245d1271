import type { Position } from './notification.ts'
import type { RawJson } from './rawJson.ts'

/** What is to be kept for one user. */
export interface Copy {
  readonly user: string
  /** Scopes the id, and the collapse key; '' when the sender names none. */
  readonly source: string
  /** The sender's own id, unscoped; or the gateway's. */
  readonly id: string
  readonly type: string
  readonly body: RawJson
  /** undefined: it stands as long as the inbox lets it. */
  readonly ttlMs: number | undefined
  readonly collapse: string | undefined
  /** When the gateway took it, in milliseconds since 1970 by the gateway's clock. For its life's story only. */
  readonly acceptedAt: number
}

/**
 * `duplicate`: it had been kept before, and `position` is the original's. `conflict`: the id is taken by another body,
 * nothing was stored.
 */
export type Kept =
  | { readonly user: string; readonly outcome: 'stored' | 'duplicate'; readonly position: Position }
  | { readonly user: string; readonly outcome: 'conflict' }

/** Of what is neither archived nor deleted. Whole numbers; a higher `rev` is newer, also after a wipe of the store. */
export interface Counts {
  readonly unread: number
  readonly unseen: number
  readonly rev: number
}

/** `read` implies `seen`. */
export interface Flags {
  readonly read: boolean
  readonly seen: boolean
  readonly archived: boolean
}

/** One notification as it stands in an inbox. */
export interface Item extends Flags {
  readonly seq: number
  /** As browsers see it: `source:id`, or the id alone. */
  readonly id: string
  readonly type: string
  /** By the store's clock, in milliseconds since 1970. */
  readonly at: number
  readonly body: RawJson
  /** Only when its sender gave it a ttl. */
  readonly expiresAt: number | undefined
  readonly collapse: string | undefined
}

/** How an inbox stands. */
export interface InboxState {
  /** The newest `seq` that was given, 0 when none was. */
  readonly position: Position
  readonly counts: Counts
  /** When the next item expires, in milliseconds since 1970 by the store's clock; undefined: none will. */
  readonly due: number | undefined
  /** The store's clock, at the reading. */
  readonly now: number
}

/** What a browser gets when it arrives, read in one go. */
export interface Opening extends InboxState {
  /**
   * `fresh`: it named no position. `resumed`: `items` is everything after its position. `snapshot`: that is not
   * possible, and `items` is the newest page.
   */
  readonly mode: 'fresh' | 'resumed' | 'snapshot'
  /** Oldest first. */
  readonly items: readonly Item[]
}

export interface ListQuery {
  /** Only what is older than this seq. */
  readonly before: number | undefined
  /** 1 to 100. */
  readonly limit: number
  readonly filter: 'all' | 'unread' | 'archived'
}

export interface Page {
  readonly epoch: string
  /** Newest first. May be fewer than asked for when they are large: then there is a `next`. */
  readonly items: readonly Item[]
  /** The next `before`; undefined: there are no more. */
  readonly next: number | undefined
}

export const MARK_OPS = ['read', 'unread', 'seen', 'archive', 'unarchive', 'delete'] as const
export type MarkOp = (typeof MARK_OPS)[number]

/** Marks what either names: these ids (unknown ones are fine), and everything up to a position. */
export interface Mark {
  readonly op: MarkOp
  /** As browsers see them. */
  readonly ids: readonly string[]
  readonly upTo: Position | undefined
}

/** What became of one item: its flags as they are now, or that it is gone. */
export type Change = { readonly seq: number } & (
  | { readonly read: boolean; readonly seen: boolean; readonly archived: boolean }
  | { readonly deleted: true }
)

/** One change of one inbox, told to every gateway that follows its user, in the order of its changes. */
export interface Ring {
  readonly user: string
  /** After the change. */
  readonly position: Position
  readonly counts: Counts
  readonly due: number | undefined
  /** `counts.rev` before the change. Who knows another one has missed a ring. */
  readonly before: number
  /** It has just arrived; its seq is `position.seq`. */
  readonly item: Item | undefined
  readonly changes: readonly Change[]
}

/** The life of one kept copy. Times in milliseconds since 1970; null: it has not happened. */
export interface Life {
  readonly user: string
  readonly position: Position
  readonly accepted: number
  readonly stored: number
  /** To how many devices it was written in all, and when first. */
  readonly sent: { readonly devices: number; readonly at: number } | null
  readonly seen: number | null
  readonly read: number | null
  /** Why and when it left the inbox. */
  readonly gone: { readonly why: 'expired' | 'deleted' | 'replaced' | 'trimmed'; readonly at: number } | null
}
