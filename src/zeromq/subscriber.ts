import type { Address } from '../core/address.ts'
import { formatRecipient } from '../core/address.ts'
import type { Submission } from '../core/draft.ts'
import { isEndpoint } from '../core/endpoint.ts'
import { asGatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Accept, Clock, Follower, Input, Publishers } from '../core/ports.ts'
import { decodeFrames } from './frames.ts'
import { Notifier, type NotifierParts, type NotifierStatus } from './notifier.ts'
import type { Patience } from './reading.ts'

export interface ZeromqInputOptions {
  /** The notifiers to listen to. */
  readonly publishers: Publishers
  readonly clock: Clock
  readonly events: Events
  /** The largest body that will be accepted; who sends what is many times larger is cut off. */
  readonly maxBytes: number
  /** Over our own ZMTP where a notifier speaks it; false: over libzmq always. By default true. */
  readonly fast?: boolean | undefined
}

export interface ZeromqInput extends Input, Follower {
  status(): readonly NotifierStatus[]
  /** How many recipients have a filter at every notifier. */
  readonly filters: number
}

/** Live notifications from the PUB sockets of all notifiers there are (PROTOCOL.md §1). */
export const zeromqInput = (options: ZeromqInputOptions): ZeromqInput => new Subscriber(options)

const NAME = 'zeromq'
const HEARTBEAT = '!heartbeat'
const MAX_NOTIFIERS = 10_000
const RETRY_MS = 5_000
const MIB = 1_048_576
/** We close: everybody waits for us. */
const WE_LEAVE: Patience = { quietMs: 30, maxMs: 1_000 }
/** It closes: nobody waits, and its last words may be many. */
const IT_LEAVES: Patience = { quietMs: 100, maxMs: 10_000 }

class Subscriber implements ZeromqInput {
  readonly name = NAME
  readonly #publishers: Publishers
  readonly #parts: NotifierParts
  readonly #notifiers = new Map<string, Notifier>()
  /** No longer on the list, still heard to their end; each with a sign for this departure. */
  readonly #leaving = new Map<string, symbol>()
  readonly #refused = new Set<string>()
  /** Recipients as they stand on the wire, and whom each names. */
  readonly #followed = new Map<string, readonly [Address]>()
  #accept: Accept | undefined
  #stopWatching = () => {}
  #cancelRetry = () => {}

  constructor({ publishers, clock, events, maxBytes, fast = true }: ZeromqInputOptions) {
    this.#publishers = publishers
    this.#parts = {
      clock,
      events,
      // Reaching this ends the connection for a while, so it stands well above what is refused politely.
      maxMessageBytes: Math.max(MIB, 4 * maxBytes),
      filters: () => this.#filters(),
      fast,
      onMessage: (frames, source, arrivedAt) => this.#receive(frames, source, arrivedAt),
    }
  }

  async open(accept: Accept): Promise<void> {
    this.#accept = accept
    this.#stopWatching = this.#publishers.onChange(() => this.#meetNotifiers())
    this.#meetNotifiers()
  }

  async follow(address: Address): Promise<void> {
    const recipient = formatRecipient(address)
    if (this.#followed.has(recipient)) return
    this.#followed.set(recipient, [address])
    await Promise.all(Array.from(this.#notifiers.values(), (notifier) => notifier.follow(recipient)))
  }

  unfollow(address: Address): void {
    const recipient = formatRecipient(address)
    if (!this.#followed.delete(recipient)) return
    for (const notifier of this.#notifiers.values()) notifier.unfollow(recipient)
  }

  async close(): Promise<void> {
    this.#stopWatching()
    this.#cancelRetry()
    this.#leaving.clear()
    const notifiers = [...this.#notifiers.values()]
    await Promise.all(notifiers.map((notifier) => notifier.drain(WE_LEAVE)))
    this.#notifiers.clear()
    await Promise.all(notifiers.map((notifier) => notifier.close()))
  }

  status(): readonly NotifierStatus[] {
    return Array.from(this.#notifiers.values(), ({ status }) => status)
  }

  get filters(): number {
    return this.#followed.size
  }

  *#filters(): Iterable<string> {
    yield HEARTBEAT
    yield* this.#followed.keys()
  }

  /**
   * We have no filter of our own: a notifier that ignores ours, or is late, must not get through. Nor does control
   * that we know nothing of: no user is written with a `!` in front.
   */
  #receive(frames: readonly Buffer[], source: string, arrivedAt: number): void {
    let submission: Submission
    try {
      submission = decodeFrames(frames)
    } catch (thrown) {
      const { code } = asGatewayError(thrown)
      this.#parts.events.emit('notification.refused', { input: NAME, source, code })
      return
    }
    const { to, header, body } = submission
    const addresses = this.#followed.get(to[0] ?? '')
    if (addresses === undefined) {
      this.#parts.events.emit('notification.unfollowed', { input: NAME, source })
      return
    }
    this.#accept?.({ to, addresses, header, body }, { input: NAME, source, arrivedAt, reach: 'every-node' })
  }

  /** Connects to who is new on the list, lets go of who is no longer on it. */
  #meetNotifiers(): void {
    const wanted = new Set(this.#publishers.addresses())
    for (const address of this.#refused) if (!wanted.has(address)) this.#refused.delete(address)
    for (const [address, notifier] of this.#notifiers)
      if (!wanted.has(address) && !this.#leaving.has(address)) void this.#part(notifier)
    for (const address of wanted) {
      // Back before it was let go: it keeps its socket, or it would be heard twice for a while.
      this.#leaving.delete(address)
      if (!this.#notifiers.has(address)) this.#meet(address)
    }
  }

  #meet(address: string): void {
    if (!isEndpoint(address) || this.#notifiers.size - this.#leaving.size >= MAX_NOTIFIERS) {
      this.#refuse(address, isEndpoint(address) ? 'too many notifiers' : 'no endpoint')
      return
    }
    let notifier: Notifier | undefined
    try {
      notifier = new Notifier(address, this.#parts)
      notifier.open()
    } catch (error) {
      void notifier?.close()
      this.#refuse(address, String(error))
      // Too many open files, perhaps: that may pass.
      this.#cancelRetry()
      this.#cancelRetry = this.#parts.clock.later(RETRY_MS, () => this.#meetNotifiers())
      return
    }
    this.#refused.delete(address)
    this.#notifiers.set(address, notifier)
    this.#parts.events.emit('notifier.added', { address })
  }

  /** Who ends properly leaves the registry while its last words are still under way: they are heard first. */
  async #part(notifier: Notifier): Promise<void> {
    const { address } = notifier
    const departure = Symbol(address)
    this.#leaving.set(address, departure)
    await notifier.drain(IT_LEAVES)
    if (this.#leaving.get(address) !== departure) return
    this.#leaving.delete(address)
    this.#notifiers.delete(address)
    const closing = notifier.close()
    this.#parts.events.emit('notifier.removed', { address })
    await closing
  }

  /** Said once for each address, as long as it stays on the list. */
  #refuse(address: string, reason: string): void {
    if (this.#refused.has(address)) return
    this.#refused.add(address)
    this.#parts.events.emit('notifier.refused', { address: address.slice(0, 256), reason })
  }
}
