import type { Address } from './core/address.ts'
import { parseDraft, type Submission, stamp } from './core/draft.ts'
import { asGatewayError } from './core/errors.ts'
import type { Events } from './core/events.ts'
import type { Hub } from './core/hub.ts'
import type { Draft, Notification } from './core/notification.ts'
import type { Broker, Clock, Follower, Origin, Receipt } from './core/ports.ts'
import { Recent } from './core/recent.ts'
import { Sequences } from './core/sequences.ts'

const REMEMBERED_IDS = 20_000

export interface PipeParts {
  readonly hub: Hub
  readonly broker: Broker
  readonly events: Events
  readonly clock: Clock
  readonly newId: () => string
  readonly maxBytes: number
}

/**
 * What a notifier may ask: accept → check → look for holes → claim → stamp → spread → deliver. Live notifications run
 * through it in one go, from the frame to the socket, so their order per notifier stays.
 */
export class NotificationPipe implements Follower {
  readonly #parts: PipeParts
  readonly #recent = new Recent(REMEMBERED_IDS)
  readonly #sequences = new Sequences()

  constructor(parts: PipeParts) {
    this.#parts = parts
    parts.broker.onNotification((notification) =>
      this.#deliver(notification, { input: 'broker', source: '', arrivedAt: parts.clock.monotonic() }),
    )
  }

  /** The only door, for ZeroMQ and HTTP alike. Never throws: what is wrong with a submission stands in the receipt. */
  accept(submission: Submission, origin: Origin): Receipt {
    let draft: Draft
    try {
      draft = parseDraft(submission, this.#parts.maxBytes)
    } catch (thrown) {
      return this.#refuse(thrown, origin)
    }
    const id = draft.id ?? this.#parts.newId()
    const now = this.#parts.clock.now()
    let duplicate = true
    for (const to of draft.to) {
      this.#lookForHole(draft, to, origin)
      if (!this.#claim(draft, to, origin)) continue
      duplicate = false
      const notification = stamp(draft, to, id, now)
      if (origin.reach === 'one-node') this.#parts.broker.spread(notification)
      this.#deliver(notification, origin)
    }
    return { ok: true, id, duplicate }
  }

  /** Nothing to do: counting begins with the first number. */
  async follow(): Promise<void> {}

  /** Nobody waits at this address any more; its counting begins anew with the next one who does. */
  unfollow(address: Address): void {
    this.#sequences.forget(address)
  }

  #refuse(thrown: unknown, origin: Origin): Receipt {
    const error = asGatewayError(thrown)
    this.#parts.events.emit('notification.refused', { input: origin.input, source: origin.source, code: error.code })
    if (error.code === 'internal') this.#parts.events.emit('gateway.failed', { during: 'accept', error: error.cause })
    return { ok: false, id: undefined, error }
  }

  #lookForHole(draft: Draft, to: Address, origin: Origin): void {
    if (draft.sequence === undefined) return
    const source = draft.source === '' ? origin.source : draft.source
    const missed = this.#sequences.missedBefore(to, source, draft.sequence)
    if (missed > 0) this.#parts.events.emit('live.gap', { source, missed })
  }

  /** A notification that is sent again with its id stops here. Who names no source is told apart by its address. */
  #claim(draft: Draft, to: Address, origin: Origin): boolean {
    if (draft.id === undefined) return true
    const scope = draft.source === '' ? `by ${origin.source}` : `as ${draft.source}`
    // The lengths keep the parts apart, whatever stands in them: nobody's notification may be taken for another's.
    if (this.#recent.claim(`${scope.length} ${to.length} ${scope}${to}${draft.id}`)) return true
    this.#parts.events.emit('notification.duplicate', { input: origin.input, source: origin.source })
    return false
  }

  /** The hub says who waits there; each transport encodes once for all of its own. */
  #deliver(notification: Notification, origin: Omit<Origin, 'reach'>): void {
    let connections = 0
    for (const group of this.#parts.hub.at(notification.to)) {
      connections += group.connections.length
      group.transport.write(group.connections, notification)
    }
    const tookMs = this.#parts.clock.monotonic() - origin.arrivedAt
    this.#parts.events.emit('notification.delivered', {
      notification,
      input: origin.input,
      source: origin.source,
      connections,
      tookMs,
    })
  }
}
