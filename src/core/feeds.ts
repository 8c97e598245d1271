import { Feed, type FeedParts, notificationOf } from './feed.ts'
import type { Opening, Ring } from './inbox.ts'
import type { Connection } from './ports.ts'

export interface FeedsParts extends FeedParts {
  /** From 0 up to 1. */
  readonly random: () => number
  /** Users whose inbox was made anew start over spread over this time. */
  readonly spreadMs: number
}

interface Entry {
  readonly feed: Feed
  connections: number
}

const LOOK_EVERY_MS = 10_000
const LOOK_AT_ONCE = 500

/** The feeds of all users who are connected here. */
export class Feeds {
  readonly #parts: FeedsParts
  readonly #entries = new Map<string, Entry>()
  readonly #restarts = new Set<() => void>()
  #cancelLook = () => {}

  constructor(parts: FeedsParts) {
    this.#parts = parts
    parts.inbox.onRing((ring) => this.#hear(ring))
    parts.inbox.onGeneration(() => this.#restartAll())
    this.#lookLater()
  }

  /** Before the connection's inbox is read, or rings would pass it by. Wants one `leave`. */
  enter(user: string): void {
    const entry = this.#entries.get(user)
    if (entry === undefined) this.#entries.set(user, { feed: new Feed(this.#parts, user), connections: 1 })
    else entry.connections++
  }

  /** False: what it has read is too old; it has to read again. */
  seat(connection: Connection, opening: Opening): boolean {
    return this.#entries.get(connection.session.user.id)?.feed.seat(connection, opening) ?? true
  }

  leave(connection: Connection): void {
    const user = connection.session.user.id
    const entry = this.#entries.get(user)
    entry?.feed.leave(connection)
    if (entry === undefined || --entry.connections > 0) return
    entry.feed.close()
    this.#entries.delete(user)
  }

  close(): void {
    this.#cancelLook()
    for (const cancel of this.#restarts) cancel()
    for (const { feed } of this.#entries.values()) feed.close()
    this.#entries.clear()
  }

  /** Somebody may follow a user who is not here, to see what passes. */
  #hear(ring: Ring): void {
    const entry = this.#entries.get(ring.user)
    if (entry !== undefined) entry.feed.hear(ring)
    else if (ring.item !== undefined) {
      const notification = notificationOf(ring.user, ring.item, ring.position.epoch)
      const facts = { notification, input: 'inbox', source: '', connections: 0, tookMs: 0 }
      this.#parts.events.emit('notification.delivered', facts)
    }
  }

  #restartAll(): void {
    const { clock, random, spreadMs } = this.#parts
    for (const { feed } of this.#entries.values()) {
      const { epoch } = feed
      const cancel = clock.later(random() * spreadMs, () => {
        this.#restarts.delete(cancel)
        // A ring may have told it already.
        if (epoch !== undefined && feed.epoch === epoch) void feed.restart()
      })
      this.#restarts.add(cancel)
    }
  }

  #lookLater(): void {
    this.#cancelLook = this.#parts.clock.later(LOOK_EVERY_MS, () => {
      void this.#look().finally(() => this.#lookLater())
    })
  }

  /** Finds the lost ring that has no successor. */
  async #look(): Promise<void> {
    const users = [...this.#entries.keys()]
    for (let i = 0; i < users.length; i += LOOK_AT_ONCE) {
      const some = users.slice(i, i + LOOK_AT_ONCE)
      // A store that is away is looked at again with the next round; it has been announced.
      const states = await this.#parts.inbox.states(some).catch(() => [])
      for (const [n, state] of states.entries()) this.#entries.get(some[n] ?? '')?.feed.check(state)
    }
  }
}
