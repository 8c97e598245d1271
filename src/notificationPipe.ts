import { type Address, encodeUserId } from './core/address.ts'
import { copiesOf, isLive, namesUser, parseDraft, publicId, type Submission, stamp } from './core/draft.ts'
import { asGatewayError, GatewayError } from './core/errors.ts'
import type { Events } from './core/events.ts'
import type { Hub } from './core/hub.ts'
import type { Kept } from './core/inbox.ts'
import type { Draft, Notification, Position } from './core/notification.ts'
import type { Broker, Clock, Follower, Inbox, Origin, Receipt } from './core/ports.ts'
import { Recent } from './core/recent.ts'
import { Sequences } from './core/sequences.ts'

const REMEMBERED_IDS = 20_000
/** Copies on their way to the store, and their bodies. */
const MAX_COPIES = 10_000
const MAX_BYTES = 67_108_864

export interface PipeParts {
  readonly hub: Hub
  readonly broker: Broker
  readonly inbox: Inbox
  readonly events: Events
  readonly clock: Clock
  readonly newId: () => string
  readonly maxBytes: number
}

/**
 * What a notifier may ask. Live: accept → check → look for holes → claim → stamp → spread → deliver, in one go from the
 * frame to the socket, so that their order per notifier stays. Kept: submit → check → keep → answer; the inbox rings, and
 * each user's feed delivers.
 */
export class NotificationPipe implements Follower {
  readonly #parts: PipeParts
  readonly #recent = new Recent(REMEMBERED_IDS)
  readonly #sequences = new Sequences()
  #copies = 0
  #bytes = 0

  constructor(parts: PipeParts) {
    this.#parts = parts
    parts.broker.onNotification((notification) =>
      this.#deliver(notification, { input: 'broker', source: '', arrivedAt: parts.clock.monotonic() }),
    )
  }

  /** The door for live notifications. Never throws: what is wrong with a submission stands in the receipt. */
  accept(submission: Submission, origin: Origin): Receipt {
    try {
      const draft = parseDraft(submission, this.#parts.maxBytes)
      const id = draft.id ?? this.#parts.newId()
      return { ok: true, id, duplicate: !this.#say(draft, draft.to, id, origin) }
    } catch (thrown) {
      return this.#refuse(thrown, undefined, origin)
    }
  }

  /** The door for who wants an answer: what is for users stands in their inboxes before it comes. Never rejects. */
  async submit(submission: Submission, origin: Origin): Promise<Receipt> {
    if (submission.keep === false || !submission.to.some(namesUser)) return this.accept(submission, origin)
    let senderId: string | undefined
    try {
      const draft = parseDraft(submission, this.#parts.maxBytes)
      senderId = draft.id
      const id = draft.id ?? this.#parts.newId()
      const kept = await this.#keep(draft, id, origin)
      const isNews = this.#say(draft, draft.to.filter(isLive), id, origin)
      return this.#receiptOf(id, kept, !isNews)
    } catch (thrown) {
      return this.#refuse(thrown, senderId, origin)
    }
  }

  /** Nothing to do: counting begins with the first number. */
  async follow(): Promise<void> {}

  /** Nobody waits at this address any more; its counting begins anew with the next one who does. */
  unfollow(address: Address): void {
    this.#sequences.forget(address)
  }

  #refuse(thrown: unknown, id: string | undefined, origin: Origin): Receipt {
    const error = asGatewayError(thrown)
    this.#parts.events.emit('notification.refused', { input: origin.input, source: origin.source, code: error.code })
    if (error.code === 'internal') this.#parts.events.emit('gateway.failed', { during: 'accept', error: error.cause })
    return { ok: false, id, error }
  }

  /** True when it was new to at least one of them. */
  #say(draft: Draft, addresses: readonly Address[], id: string, origin: Origin): boolean {
    const now = this.#parts.clock.now()
    let isNews = false
    for (const to of addresses) {
      this.#lookForHole(draft, to, origin)
      if (!this.#claim(draft, to, origin)) continue
      isNews = true
      const notification = stamp(draft, to, id, now)
      if (origin.reach === 'one-node') this.#parts.broker.spread(notification)
      this.#deliver(notification, origin)
    }
    return isNews
  }

  /** A bounded number is under way; beyond it the sender is asked to come again, and memory stays flat. */
  async #keep(draft: Draft, id: string, origin: Origin): Promise<readonly Kept[]> {
    const { inbox, clock } = this.#parts
    const copies = copiesOf(draft, id, clock.now())
    const bytes = copies.length * draft.body.length
    if (this.#copies + copies.length > MAX_COPIES || (this.#copies > 0 && this.#bytes + bytes > MAX_BYTES))
      throw new GatewayError('ingest.busy')
    this.#copies += copies.length
    this.#bytes += bytes
    try {
      const kept = await inbox.keep(copies)
      this.#announceKept(publicId(draft, id), kept, origin)
      return kept
    } finally {
      this.#copies -= copies.length
      this.#bytes -= bytes
    }
  }

  #announceKept(id: string, kept: readonly Kept[], { input, source, arrivedAt }: Origin): void {
    const { clock, events } = this.#parts
    let recipients = 0
    let duplicates = 0
    for (const { outcome } of kept) {
      if (outcome !== 'conflict') recipients++
      if (outcome === 'duplicate') duplicates++
    }
    const tookMs = clock.monotonic() - arrivedAt
    events.emit('notification.kept', { input, source, id, recipients, duplicates, tookMs })
  }

  #receiptOf(id: string, kept: readonly Kept[], isOldNews: boolean): Receipt {
    const positions = new Map<string, Position>()
    const refused: string[] = []
    let duplicate = isOldNews
    for (const copy of kept) {
      const recipient = encodeUserId(copy.user)
      if (copy.outcome === 'conflict') refused.push(recipient)
      else positions.set(recipient, copy.position)
      if (copy.outcome === 'stored') duplicate = false
    }
    if (refused.length > 0) return { ok: false, id, error: new GatewayError('draft.idConflict'), recipients: refused }
    return { ok: true, id, duplicate, positions, store: this.#parts.inbox.generation() }
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
      group.writer.write(group.connections, notification)
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
