/** What the gateway says and is asked (PROTOCOL.md §4), as far as the client core uses it or hands it on. */

export interface User {
  readonly id: string
  /** What the gateway's configuration lists of the session. */
  readonly info?: Readonly<Record<string, string | number | boolean>>
}

/** A place in an inbox: everything up to `seq`. A new epoch: that inbox was made anew. */
export interface Position {
  readonly epoch: string
  readonly seq: number
}

/** Of what is neither archived nor deleted. A higher `rev` is newer. */
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

/** What stands beside a notification's body. Times are milliseconds since 1970. A kept one has `seq` and `epoch`. */
export interface Meta extends Partial<Flags> {
  readonly id: string
  readonly type: string
  readonly at: number
  readonly seq?: number
  readonly epoch?: string
  readonly expiresAt?: number
  readonly collapse?: string
}

/** A kept notification as it stands in the inbox. */
export interface Item extends Flags {
  readonly body: unknown
  readonly id: string
  readonly type: string
  readonly at: number
  readonly seq: number
  readonly expiresAt?: number
  readonly collapse?: string
}

/** `position` is where we stand when it is said, `items` (of a `snapshot`) the newest page, oldest first. */
export interface Hello {
  readonly user: User
  readonly mode: 'fresh' | 'resumed' | 'snapshot'
  readonly position: Position
  readonly counts: Counts
  readonly items?: readonly Item[]
}

/** What became of one item: its flags as they are now, or that it is gone. */
export type Change = { readonly seq: number } & (Flags | { readonly deleted: true })

export interface InboxChange {
  readonly epoch: string
  readonly rev: number
  readonly counts: Counts
  readonly changes: readonly Change[]
}

export interface ListQuery {
  /** Only what is older than this seq. */
  readonly before?: number | undefined
  /** 1 to 100; 50 by default. */
  readonly limit?: number
  /** `all` by default, archived ones included. */
  readonly filter?: 'all' | 'unread' | 'archived'
}

/** Newest first. `next` is the next `before`; without one there are no more. */
export interface Page {
  readonly epoch: string
  readonly items: readonly Item[]
  readonly next?: number
}

export type MarkOp = 'read' | 'unread' | 'seen' | 'archive' | 'unarchive' | 'delete'

/** What to mark: 1 to 500 ids (unknown ones are fine), everything up to a position, or both. */
export interface Marked {
  readonly ids?: readonly string[]
  readonly upTo?: Position
}

/** What may be asked: what it brings, and what comes back. */
export interface Requests {
  'inbox:list': { readonly asks: ListQuery; readonly gets: Page }
  'inbox:mark': { readonly asks: { readonly op: MarkOp } & Marked; readonly gets: { readonly counts: Counts } }
}

export type Reply<Answer> = ({ readonly ok: true } & Answer) | { readonly ok: false; readonly error: Refusal }

/** The last thing that the gateway says. After `drain` and `slow` it wants us back, after the others it does not. */
export interface Farewell {
  readonly code: 'drain' | 'slow' | 'expired' | 'revoked' | 'limit'
  readonly retryInMs: number
}

/** Why the gateway did not let us in, or did not do what it was asked. */
export interface Refusal {
  readonly code: string
  readonly message: string
  readonly retry: boolean
}

/** What a `connect_error` carries: undefined when it is not the gateway that speaks. */
export function refusalIn(error: Error & { readonly data?: unknown }): Refusal | undefined {
  const { data } = error
  if (typeof data !== 'object' || data === null || !('code' in data) || !('retry' in data)) return undefined
  const { code, retry } = data
  if (typeof code !== 'string' || typeof retry !== 'boolean') return undefined
  return { code, message: error.message, retry }
}
