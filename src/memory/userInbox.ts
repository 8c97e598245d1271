import { publicId } from '../core/draft.ts'
import { GatewayError } from '../core/errors.ts'
import type {
  Change,
  Copy,
  Flags,
  InboxState,
  Item,
  Kept,
  Life,
  ListQuery,
  Mark,
  MarkOp,
  Opening,
  Page,
  Ring,
} from '../core/inbox.ts'
import type { Position } from '../core/notification.ts'

export const DAY_MS = 86_400_000
const SNAPSHOT_ITEMS = 50

export interface InboxBounds {
  /** How many items stand. */
  readonly keep: number
  /** How many days one stands that brings no ttl of its own. */
  readonly days: number
  /** Of bodies, in one opening or page. */
  readonly maxResumeBytes: number
}

/** What is remembered of a copy, standing or gone. */
interface Known {
  readonly source: string
  readonly id: string
  readonly seq: number
  readonly digest: string
  life: Omit<Life, 'user' | 'position'>
}

interface Standing {
  readonly known: Known
  readonly leavesAt: number
  item: Item
}

/** What each does to an item's flags; undefined: it goes. */
const EFFECTS: Readonly<Record<MarkOp, (flags: Flags) => Flags | undefined>> = {
  read: ({ archived }) => ({ read: true, seen: true, archived }),
  unread: ({ seen, archived }) => ({ read: false, seen, archived }),
  seen: ({ read, archived }) => ({ read, seen: true, archived }),
  archive: ({ read, seen }) => ({ read, seen, archived: true }),
  unarchive: ({ read, seen }) => ({ read, seen, archived: false }),
  delete: () => undefined,
}

/**
 * The rules of one user's inbox (core/ports.ts, Inbox). It has no clock: who calls `expire` first, then at most one
 * operation, then `takeRing`, all at the same `now`, gets what the port promises.
 */
export class UserInbox {
  readonly user: string
  readonly #epoch: string
  readonly #bounds: InboxBounds
  readonly #onForgotten: (id: string) => void
  /** By seq, the oldest first. */
  readonly #standing = new Map<number, Standing>()
  /** By seq, in the order in which they left. */
  readonly #gone = new Map<number, Known>()
  /** By the id that browsers see, which copies of different sources may share. */
  readonly #byId = new Map<string, readonly Known[]>()
  #newest = 0
  #floor = 0
  #counts: InboxState['counts']
  #due: number | undefined
  #arrived: Item | undefined
  #changes: Change[] = []

  constructor(made: {
    readonly user: string
    readonly epoch: string
    readonly now: number
    readonly bounds: InboxBounds
    /** Of an id, as browsers see it, no copy is remembered any more. */
    readonly onForgotten: (id: string) => void
  }) {
    this.user = made.user
    this.#epoch = made.epoch
    this.#bounds = made.bounds
    this.#onForgotten = made.onForgotten
    this.#counts = { unread: 0, unseen: 0, rev: made.now }
  }

  /** Nothing stands here, and no id is remembered. */
  get isEmpty(): boolean {
    return this.#byId.size === 0
  }

  expire(now: number): void {
    if (this.#due !== undefined && this.#due <= now) {
      for (const one of this.#standing.values()) if (one.leavesAt <= now) this.#remove(one, 'expired', one.leavesAt)
    }
    for (const known of this.#gone.values()) {
      if (known.life.gone === null || known.life.gone.at + DAY_MS > now) break
      this.#forget(known)
    }
  }

  keep(copy: Copy, digest: string, now: number): Kept {
    const { user, source, type, body, ttlMs, collapse, acceptedAt } = copy
    const id = publicId(copy, copy.id)
    const alike = this.#byId.get(id) ?? []
    const before = alike.find((known) => known.source === source)
    if (before !== undefined) {
      if (before.digest !== digest) return { user, outcome: 'conflict' }
      return { user, outcome: 'duplicate', position: { epoch: this.#epoch, seq: before.seq } }
    }
    if (collapse !== undefined) this.#replace(source, collapse, now)
    const seq = ++this.#newest
    const life = { accepted: acceptedAt, stored: now, sent: null, seen: null, read: null, gone: null }
    const known: Known = { source, id, seq, digest, life }
    const expiresAt = ttlMs === undefined ? undefined : now + ttlMs
    const flags = { read: false, seen: false, archived: false }
    const item: Item = { seq, id, type, at: now, body, expiresAt, collapse, ...flags }
    const leavesAt = expiresAt ?? now + this.#bounds.days * DAY_MS
    this.#byId.set(id, [...alike, known])
    this.#standing.set(seq, { known, leavesAt, item })
    this.#arrived = item
    this.#trim(now)
    return { user, outcome: 'stored', position: { epoch: this.#epoch, seq } }
  }

  /** @throws GatewayError `inbox.epoch`, `inbox.position` */
  mark({ op, ids, upTo }: Mark, now: number): void {
    if (upTo !== undefined && upTo.epoch !== this.#epoch) throw new GatewayError('inbox.epoch')
    if (upTo !== undefined && !this.#wasGiven(upTo.seq)) throw new GatewayError('inbox.position')
    const named = new Set(ids)
    const last = upTo?.seq ?? 0
    for (const one of this.#standing.values())
      if (one.item.seq <= last || named.has(one.item.id)) this.#apply(one, EFFECTS[op](one.item), now)
  }

  /** What has happened since the last one; undefined: nothing has. It raises the rev. */
  takeRing(now: number): Ring | undefined {
    const item = this.#arrived
    const changes = this.#changes
    if (item === undefined && changes.length === 0) return undefined
    this.#arrived = undefined
    this.#changes = []
    const before = this.#counts.rev
    this.#count(Math.max(before + 1, now))
    const { position, counts, due } = this.state(now)
    return { user: this.user, position, counts, due, before, item, changes }
  }

  state(now: number): InboxState {
    return { position: { epoch: this.#epoch, seq: this.#newest }, counts: this.#counts, due: this.#due, now }
  }

  open(since: Position | null | 'snapshot', now: number): Opening {
    if (since === null) return { ...this.state(now), mode: 'fresh', items: [] }
    const missed = since === 'snapshot' ? undefined : this.#after(since)
    if (missed !== undefined) return { ...this.state(now), mode: 'resumed', items: missed }
    const { items } = this.list({ before: undefined, limit: SNAPSHOT_ITEMS, filter: 'all' })
    return { ...this.state(now), mode: 'snapshot', items: items.toReversed() }
  }

  list({ before = Number.POSITIVE_INFINITY, limit, filter }: ListQuery): Page {
    const items: Item[] = []
    let bytes = 0
    for (const { item } of [...this.#standing.values()].reverse()) {
      if (item.seq >= before || !isListed(item, filter)) continue
      bytes += item.body.length
      const isFull = items.length === limit || bytes > this.#bounds.maxResumeBytes
      if (isFull && items.length > 0) return { epoch: this.#epoch, items, next: items.at(-1)?.seq }
      items.push(item)
    }
    return { epoch: this.#epoch, items, next: undefined }
  }

  noteSent(seq: number, devices: number, now: number): void {
    const known = this.#standing.get(seq)?.known ?? this.#gone.get(seq)
    if (known === undefined || devices <= 0) return
    const { sent } = known.life
    known.life = { ...known.life, sent: { devices: (sent?.devices ?? 0) + devices, at: sent?.at ?? now } }
  }

  lives(id: string): readonly Life[] {
    const known = this.#byId.get(id) ?? []
    return known.map(({ seq, life }) => ({ user: this.user, position: { epoch: this.#epoch, seq }, ...life }))
  }

  /** Everything after a position; undefined when that cannot be told. */
  #after({ epoch, seq }: Position): readonly Item[] | undefined {
    if (epoch !== this.#epoch || !this.#wasGiven(seq) || seq < this.#floor) return undefined
    const items: Item[] = []
    let bytes = 0
    for (const { item } of this.#standing.values()) {
      if (item.seq <= seq) continue
      bytes += item.body.length
      if (bytes > this.#bounds.maxResumeBytes) return undefined
      items.push(item)
    }
    return items
  }

  #wasGiven(seq: number): boolean {
    return Number.isInteger(seq) && seq >= 0 && seq <= this.#newest
  }

  #apply(one: Standing, flags: Flags | undefined, now: number): void {
    const { item, known } = one
    if (flags === undefined) return void this.#remove(one, 'deleted', now)
    const { read, seen, archived } = flags
    if (read === item.read && seen === item.seen && archived === item.archived) return
    one.item = { ...item, ...flags }
    const { life } = known
    known.life = { ...life, seen: life.seen ?? (seen ? now : null), read: life.read ?? (read ? now : null) }
    this.#changes.push({ seq: item.seq, ...flags })
  }

  #replace(source: string, collapse: string, now: number): void {
    for (const one of this.#standing.values()) {
      const { item, known } = one
      if (item.collapse === collapse && known.source === source && !item.read) this.#remove(one, 'replaced', now)
    }
  }

  #trim(now: number): void {
    for (const one of this.#standing.values()) {
      if (this.#standing.size <= this.#bounds.keep) return
      this.#floor = one.item.seq
      this.#remove(one, 'trimmed', now)
    }
  }

  #remove({ known, item: { seq } }: Standing, why: NonNullable<Life['gone']>['why'], at: number): void {
    known.life = { ...known.life, gone: { why, at } }
    this.#standing.delete(seq)
    this.#gone.set(seq, known)
    this.#changes.push({ seq, deleted: true })
  }

  #forget(known: Known): void {
    this.#gone.delete(known.seq)
    const left = this.#byId.get(known.id)?.filter((other) => other !== known) ?? []
    if (left.length > 0) return void this.#byId.set(known.id, left)
    this.#byId.delete(known.id)
    this.#onForgotten(known.id)
  }

  #count(rev: number): void {
    let unread = 0
    let unseen = 0
    let due: number | undefined
    for (const { item, leavesAt } of this.#standing.values()) {
      due = due === undefined ? leavesAt : Math.min(due, leavesAt)
      if (item.archived) continue
      if (!item.read) unread++
      if (!item.seen) unseen++
    }
    this.#counts = { unread, unseen, rev }
    this.#due = due
  }
}

function isListed({ read, archived }: Flags, filter: ListQuery['filter']): boolean {
  if (filter === 'all') return true
  return filter === 'archived' ? archived : !archived && !read
}
