import { type Address, userAddress } from './address.ts'
import type { Events } from './events.ts'
import type { Hub } from './hub.ts'
import type { Change, Counts, InboxState, Item, Opening, Ring } from './inbox.ts'
import type { Hello, Notification, Position } from './notification.ts'
import type { Clock, Connection, Inbox } from './ports.ts'

export interface FeedParts {
  readonly inbox: Inbox
  readonly hub: Hub
  readonly events: Events
  readonly clock: Clock
}

/** What the user's browsers here have been told. */
interface Told extends Position {
  readonly rev: number
}

const NOTHING = () => {}
/** Key by key: what is spread into a literal may get a hidden class of its own for each user. */
const toldOf = ({ epoch, seq }: Position, { rev }: Pick<Counts, 'rev'>): Told => ({ epoch, seq, rev })

const MAX_WAITING_RINGS = 1_000
/** Due times beyond it are looked at again with the next look at the position. */
const HORIZON_MS = 20_000
/** The store's clock and ours may not agree about a millisecond. */
const CLOCK_MS = 5
/** A ring that is this late is lost. */
const RING_MS = 1_000

/**
 * One user's kept notifications on their way to the browsers that are connected here. Every change of the inbox is rung,
 * and names the revision before it, so a lost ring is seen with the next one; and with the next look at the position,
 * when there is no next one. What was missed is read, in order, before anything newer is told.
 */
export class Feed {
  readonly #parts: FeedParts
  readonly #user: string
  readonly #address: Address
  /** undefined: nobody has read the inbox yet. */
  #told: Told | undefined
  /** `rev` of the last reading: who has read an older state than that may have missed something in between. */
  #base = 0
  /** Rings that wait for a reading. */
  #waiting: Ring[] = []
  #isReading = false
  /** Who has read the inbox under an epoch that nobody was told of yet, and at which `rev`. */
  #early: Map<Connection, number> | undefined
  /** Who has read more of the inbox than has been rung yet, and up to which seq. */
  #ahead: Map<Connection, number> | undefined
  #cancelExpiry = NOTHING
  #cancelCheck = NOTHING
  #isClosed = false

  constructor(parts: FeedParts, user: string) {
    this.#parts = parts
    this.#user = user
    this.#address = userAddress(user)
  }

  /** This connection has read so much. False: too long ago, what came since passed it by; it has to read again. */
  seat(connection: Connection, opening: Opening): boolean {
    const { position, counts } = opening
    if (this.#told === undefined) {
      this.#begin(opening)
      this.#applyWaiting()
      return true
    }
    if (counts.rev < this.#base) return false
    if (position.epoch !== this.#told.epoch) {
      if (counts.rev < this.#told.rev) return false
      this.#early ??= new Map()
      this.#early.set(connection, counts.rev)
      void this.restart()
    } else if (position.seq > this.#told.seq) {
      this.#ahead ??= new Map()
      this.#ahead.set(connection, position.seq)
    }
    return true
  }

  get epoch(): string | undefined {
    return this.#told?.epoch
  }

  leave(connection: Connection): void {
    this.#early?.delete(connection)
    this.#ahead?.delete(connection)
  }

  hear(ring: Ring): void {
    if (this.#told === undefined || this.#isReading) this.#wait(ring)
    else this.#apply(ring, this.#told)
  }

  /** How the inbox stands, by a reading that may have overtaken rings which are under way. */
  check(state: InboxState | null): void {
    const told = this.#told
    if (told === undefined || this.#isReading) return
    if (state === null || state.position.epoch !== told.epoch) return void this.restart()
    this.#expireAt(state.due, state.now)
    const { rev } = state.counts
    if (rev <= told.rev) return
    this.#cancelCheck()
    this.#cancelCheck = this.#parts.clock.later(RING_MS, () => {
      if (this.#told !== undefined && this.#told.rev < rev && !this.#isReading) void this.#recover(this.#told)
    })
  }

  /** Everybody starts over: the inbox was made anew, or what happened to it is not known. */
  async restart(): Promise<void> {
    await this.#read(async () => {
      const opening = await this.#parts.inbox.open(this.#user, 'snapshot')
      if (this.#isClosed) return
      this.#begin(opening)
      this.#greet(opening)
      this.#early = undefined
    })
  }

  close(): void {
    this.#isClosed = true
    this.#cancelExpiry()
    this.#cancelCheck()
    this.#waiting = []
    this.#early = undefined
    this.#ahead = undefined
  }

  #wait(ring: Ring): void {
    // A hole is found and read again; memory without a bound would be worse.
    if (this.#waiting.length >= MAX_WAITING_RINGS) this.#waiting = []
    this.#waiting.push(ring)
  }

  #applyWaiting(): void {
    const rings = this.#waiting
    this.#waiting = []
    for (const ring of rings) this.hear(ring)
  }

  #apply(ring: Ring, told: Told): void {
    const { position, counts, item } = ring
    if (counts.rev <= told.rev) return
    if (position.epoch !== told.epoch) return void this.restart()
    if (ring.before !== told.rev) return void this.#recover(told)
    this.#told = toldOf(position, counts)
    if (item !== undefined) this.#deliver(item, position.epoch)
    this.#report(ring, ring.changes)
    this.#expireAt(ring.due, item?.at ?? counts.rev)
  }

  /**
   * Rings were lost. The notifications among them are told as if they had been rung; what else happened is not known,
   * so the browsers start over from what stands.
   */
  async #recover(told: Told): Promise<void> {
    const { inbox, events } = this.#parts
    await this.#read(async () => {
      const missed = await inbox.open(this.#user, { epoch: told.epoch, seq: told.seq })
      const snapshot = missed.mode === 'snapshot' ? missed : await inbox.open(this.#user, 'snapshot')
      if (this.#isClosed) return
      events.emit('inbox.recovered', { user: this.#user, missed: missed.position.seq - told.seq })
      const { epoch, seq } = missed.position
      // What came between the two readings is told, too, before it stands in a snapshot.
      const since = snapshot.position.epoch === epoch ? snapshot.items.filter((item) => item.seq > seq) : []
      if (missed.mode === 'resumed') for (const item of [...missed.items, ...since]) this.#deliver(item, epoch)
      this.#begin(snapshot)
      this.#report(snapshot, [])
      this.#greet(snapshot)
    })
  }

  /** While it lasts rings wait. A store that is away is asked again when the position is looked at. */
  async #read(read: () => Promise<void>): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    try {
      await read()
    } catch (error) {
      this.#parts.events.emit('inbox.unreadable', { user: this.#user, error })
      this.#waiting = []
    } finally {
      this.#isReading = false
    }
    if (!this.#isClosed) this.#applyWaiting()
  }

  #begin({ position, counts, due, now }: InboxState): void {
    if (this.#told?.epoch !== position.epoch) this.#ahead = undefined
    this.#told = toldOf(position, counts)
    this.#base = counts.rev
    this.#forgetAhead(position.seq)
    this.#expireAt(due, now)
  }

  #deliver(item: Item, epoch: string): void {
    const { hub, inbox, clock, events } = this.#parts
    const began = clock.monotonic()
    const notification = notificationOf(this.#user, item, epoch)
    let connections = 0
    for (const group of hub.at(this.#address)) {
      const behind =
        this.#ahead === undefined ? group.connections : group.connections.filter((c) => !this.#knows(c, item))
      if (behind.length === 0) continue
      connections += behind.length
      group.writer.write(behind, notification)
    }
    this.#forgetAhead(item.seq)
    if (connections > 0) inbox.noteSent(this.#user, item.seq, connections)
    const tookMs = clock.monotonic() - began
    events.emit('notification.delivered', { notification, input: 'inbox', source: '', connections, tookMs })
  }

  #knows(connection: Connection, { seq }: Item): boolean {
    return (this.#ahead?.get(connection) ?? 0) >= seq
  }

  #forgetAhead(seq: number): void {
    if (this.#ahead === undefined) return
    for (const [connection, upTo] of this.#ahead) if (upTo <= seq) this.#ahead.delete(connection)
    if (this.#ahead.size === 0) this.#ahead = undefined
  }

  #report({ position, counts }: Pick<Ring, 'position' | 'counts'>, changes: readonly Change[]): void {
    const change = { epoch: position.epoch, rev: counts.rev, counts, changes }
    for (const { writer, connections } of this.#parts.hub.at(this.#address)) writer.report(connections, change)
  }

  /** Who is still arriving has its own hello before it; who knows as much starts over from nothing else. */
  #greet(opening: Opening): void {
    for (const { writer, connections } of this.#parts.hub.at(this.#address))
      for (const connection of [...connections])
        if (connection.transport === writer && this.#early?.get(connection) !== opening.counts.rev)
          connection.transport.greet(connection, helloOf(connection, opening))
  }

  /** Counters change when time passes, too: the reading that finds it expired rings. */
  #expireAt(due: number | undefined, now: number): void {
    const { clock, inbox, events } = this.#parts
    this.#cancelExpiry()
    if (due === undefined || this.#isClosed || due - now > HORIZON_MS) return
    this.#cancelExpiry = clock.later(Math.max(due - now, 0) + CLOCK_MS, () => {
      inbox.open(this.#user, null).then(
        (state) => this.#expireAt(state.due, state.now),
        (error: unknown) => events.emit('inbox.unreadable', { user: this.#user, error }),
      )
    })
  }
}

/**
 * The first thing that a browser hears, and what it hears when it has to start over. Its position is where it stands
 * before it hears more.
 */
export function helloOf({ id, session, handshake }: Connection, { mode, position, counts, items }: Opening): Hello {
  const stands = mode === 'resumed' && handshake.since !== undefined ? handshake.since : position
  const hello = { user: session.user, connection: id, mode, position: stands, counts }
  return mode === 'snapshot' ? { ...hello, items } : hello
}

export function notificationOf(user: string, item: Item, epoch: string): Notification {
  const { id, type, at, body, expiresAt, collapse, seq, read, seen, archived } = item
  return {
    to: userAddress(user),
    id,
    type,
    at,
    body,
    expiresAt,
    collapse,
    kept: { epoch, seq, read, seen, archived },
  }
}
