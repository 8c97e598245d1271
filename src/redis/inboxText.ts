import type { Change, Copy, Counts, Flags, InboxState, Item, Life, Ring } from '../core/inbox.ts'
import type { Position } from '../core/notification.ts'
import type { RawJson } from '../core/rawJson.ts'
import type { Reply } from './resp.ts'

/** What the scripts write down and answer (scripts/inbox.lua says how), as the types of core/inbox.ts. */

const LINE_FEED = 0x0a
const READ = 1
const SEEN = 2
const ARCHIVED = 4

/** What keep.lua stores, and rings, before the body: what browsers are told beside it. */
export const printHead = (id: string, { type, collapse }: Copy): string =>
  `[${JSON.stringify(id)},${JSON.stringify(type)},${collapse === undefined ? null : JSON.stringify(collapse)}]\n`

/** The field m. */
export interface Meta {
  readonly generation: string
  readonly position: Position
  readonly counts: Counts
  readonly due: number | undefined
}

/** It may be followed by something else. */
export function parseMeta(bytes: Buffer): Meta {
  const [seq = 0, rev = 0, unread = 0, unseen = 0, , , due] = doubles(bytes, META_DOUBLES)
  const epochEnd = bytes.indexOf(0, META_DOUBLES * 8)
  const generation = bytes.toString('latin1', epochEnd + 1, bytes.indexOf(0, epochEnd + 1))
  return {
    generation,
    position: { epoch: bytes.toString('latin1', META_DOUBLES * 8, epochEnd), seq },
    counts: { unread, unseen, rev },
    due: due === 0 ? undefined : due,
  }
}

const META_DOUBLES = 9
const doubles = (bytes: Buffer, count: number) => Array.from({ length: count }, (_, i) => bytes.readDoubleLE(8 * i))

export const stateOf = ({ position, counts, due }: Meta, now: number): InboxState => ({ position, counts, due, now })

/** What items.lua appends: seq, state, flags, head and body; again and again. */
export function parseItems(reply: readonly Reply[]): Item[] {
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

/** What the scripts publish, without the letter before it. */
export function parseRing(user: string, bytes: Buffer): Ring {
  const [before = 0, at = 0, expires = 0] = doubles(bytes, RING_DOUBLES)
  const packed = bytes.subarray(RING_DOUBLES * 8)
  const { position, counts, due } = parseMeta(packed)
  const metaEnd = packed.indexOf(0, packed.indexOf(0, META_DOUBLES * 8) + 1) + 1
  const end = packed.indexOf(LINE_FEED, metaEnd)
  const changes = JSON.parse(packed.toString('latin1', metaEnd, end)) as [seq: number, flags?: number][]
  const arrived = at === 0 ? undefined : item(position.seq, at, expires, 0, packed.subarray(end + 1))
  return { user, position, counts, due, before, item: arrived, changes: changes.map(parseChange) }
}

const RING_DOUBLES = 3
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
