import type { Change, Counts, Flags, InboxState, Item, Life, Ring } from '../core/inbox.ts'
import type { Position } from '../core/notification.ts'
import type { RawJson } from '../core/rawJson.ts'

/** What the scripts write down and answer (scripts/inbox.lua says how), as the types of core/inbox.ts. */

const LINE_FEED = 0x0a
const READ = 1
const SEEN = 2
const ARCHIVED = 4

/** What keep.lua stores before the body. */
export const printHead = (id: string, type: string, collapse: string | undefined): string =>
  JSON.stringify([id, type, collapse ?? null])

/** The field m. */
export interface Meta {
  readonly generation: string
  readonly position: Position
  readonly counts: Counts
  readonly due: number | undefined
}

export function parseMeta(text: string): Meta {
  const [epoch = '', generation = '', seq, rev, unread, unseen, , , due] = text.split(' ')
  return {
    generation,
    position: { epoch, seq: Number(seq) },
    counts: { unread: Number(unread), unseen: Number(unseen), rev: Number(rev) },
    due: time(due) ?? undefined,
  }
}

export const stateOf = ({ position, counts, due }: Meta, now: number): InboxState => ({ position, counts, due, now })

/** What items.lua appends: seq, state, flags, head and body; again and again. */
export function parseItems(reply: readonly (Buffer | number | null)[]): Item[] {
  const items: Item[] = []
  for (let i = 0; i + 3 < reply.length; i += 4) {
    const [seq, state, flags, blob] = reply.slice(i, i + 4)
    // Half of it was evicted, by a Redis that may: it is not there.
    if (!Buffer.isBuffer(blob)) continue
    const [at, expires] = `${state}`.split(' ')
    items.push(item(Number(`${seq}`), Number(at), Number(expires), Number.parseInt(`${flags ?? 0}`, 10), blob))
  }
  return items
}

function item(seq: number, at: number, expires: number, flags: number, blob: Buffer): Item {
  const end = blob.indexOf(LINE_FEED)
  const [id, type, collapse] = JSON.parse(blob.toString('utf8', 0, end)) as [string, string, string | null]
  return {
    seq,
    id,
    type,
    at,
    // It was checked before it was kept.
    body: blob.subarray(end + 1) as Uint8Array as RawJson,
    expiresAt: expires === 0 ? undefined : expires,
    collapse: collapse ?? undefined,
    ...parseFlags(flags),
  }
}

const parseFlags = (flags: number): Flags => ({
  read: (flags & READ) !== 0,
  seen: (flags & SEEN) !== 0,
  archived: (flags & ARCHIVED) !== 0,
})

interface RingHead extends Counts {
  readonly epoch: string
  readonly seq: number
  readonly due: number
  readonly before: number
  readonly item: readonly [at: number, expires: number] | null
  readonly changes: readonly (readonly [seq: number, flags?: number])[]
}

/** What the scripts publish, without the letter before it. */
export function parseRing(user: string, bytes: Buffer): Ring {
  const end = bytes.indexOf(LINE_FEED)
  const head = JSON.parse(bytes.toString('utf8', 0, end)) as RingHead
  const { epoch, seq, unread, unseen, rev, due, before, item: arrived, changes } = head
  return {
    user,
    position: { epoch, seq },
    counts: { unread, unseen, rev },
    due: due === 0 ? undefined : due,
    before,
    item: arrived === null ? undefined : item(seq, arrived[0], arrived[1], 0, bytes.subarray(end + 1)),
    changes: changes.map(parseChange),
  }
}

const parseChange = ([seq, flags]: readonly [number, number?]): Change =>
  flags === undefined ? { seq, deleted: true } : { seq, ...parseFlags(flags) }

/** What lives.lua says of one copy. */
export function parseLife(user: string, epoch: string, text: string): Life {
  const [seq, , accepted, stored, seen, read, devices, sent, why, gone] = text.split(' ')
  const sentAt = time(sent)
  const goneAt = time(gone)
  return {
    user,
    position: { epoch, seq: Number(seq) },
    accepted: Number(accepted),
    stored: Number(stored),
    sent: sentAt === null ? null : { devices: Number(devices), at: sentAt },
    seen: time(seen),
    read: time(read),
    gone: goneAt === null ? null : { why: why as NonNullable<Life['gone']>['why'], at: goneAt },
  }
}

const time = (text: string | undefined): number | null => (text === undefined || text === '0' ? null : Number(text))
