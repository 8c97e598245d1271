import type { InboxChange, Notification } from './notification.ts'
import type { Connection, Writer } from './ports.ts'

/** What somebody would have heard, in order. */
export type Held = { readonly notification: Notification } | { readonly change: InboxChange }

const MAX_HELD = 1_000
const MAX_HELD_BYTES = 1_048_576

interface Wait {
  readonly held: Held[]
  bytes: number
}

/**
 * Holds back what goes to connections that still read their history: it comes after it. In the hub it stands where
 * their transport will stand.
 */
export class WaitingRoom implements Writer {
  readonly #waits = new Map<Connection, Wait>()

  enter(connection: Connection): void {
    this.#waits.set(connection, { held: [], bytes: 0 })
  }

  write(connections: readonly Connection[], notification: Notification): void {
    for (const connection of connections) this.#hold(connection, { notification }, notification.body.length)
  }

  report(connections: readonly Connection[], change: InboxChange): void {
    for (const connection of connections) this.#hold(connection, { change }, 0)
  }

  /** What was held, oldest first; null: it was more than may be held, and some of it is lost. */
  leave(connection: Connection): readonly Held[] | null {
    const wait = this.#waits.get(connection)
    this.#waits.delete(connection)
    return wait === undefined ? [] : isFull(wait) ? null : wait.held
  }

  #hold(connection: Connection, held: Held, bytes: number): void {
    const wait = this.#waits.get(connection)
    if (wait === undefined || isFull(wait)) return
    wait.held.push(held)
    wait.bytes += bytes
  }
}

/** A single large notification never is too much. */
const isFull = ({ held, bytes }: Wait) => held.length > MAX_HELD || (held.length > 1 && bytes > MAX_HELD_BYTES)
