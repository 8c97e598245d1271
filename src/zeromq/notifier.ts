import type { Events } from '../core/events.ts'
import type { Clock } from '../core/ports.ts'
import { isHeartbeat } from './frames.ts'
import { libzmqWire } from './libzmqWire.ts'
import type { Patience } from './reading.ts'
import type { Wire, WireParts } from './wire.ts'
import { isAbstract } from './zmtp/target.ts'
import { zmtpWire } from './zmtp/zmtpWire.ts'

/** As `GET /v1/notifiers` and the metrics tell it. */
export interface NotifierStatus {
  readonly address: string
  readonly connected: boolean
  /** It had sent heartbeats and fell silent. */
  readonly suspect: boolean
  /** Milliseconds since 1970; undefined: nothing was heard yet. */
  readonly lastMessageAt: number | undefined
}

export interface NotifierParts {
  readonly clock: Clock
  readonly events: Events
  readonly maxMessageBytes: number
  readonly filters: () => Iterable<string>
  /** Over our own ZMTP where the notifier speaks it; false: over libzmq always. */
  readonly fast: boolean
  /** Called in the order of arrival. Must not throw. */
  readonly onMessage: (frames: readonly Buffer[], address: string, arrivedAt: number) => void
}

const NO_HEARTBEAT = 'no heartbeat'
const READY = '!ready'
const SUSPECT_AFTER_MS = 5_000
const DROPPED_AFTER_MS = 10_000

/** One notifier that we listen to, and whether its program is alive. */
export class Notifier {
  readonly address: string
  readonly #parts: NotifierParts
  #wire: Wire
  #lastHeard: number | undefined
  #beats = false
  #suspect = false
  #stopListening: (() => void) | undefined

  constructor(address: string, parts: NotifierParts) {
    this.address = address
    this.#parts = parts
    const wire = parts.fast && !isAbstract(address) ? zmtpWire : libzmqWire
    this.#wire = wire(this.#wireParts())
  }

  /** @throws when the address is no endpoint */
  open(): void {
    this.#wire.open()
  }

  /** Resolves when the wire has taken the filter. */
  follow(recipient: string): Promise<void> {
    return this.#wire.subscribe(recipient)
  }

  unfollow(recipient: string): void {
    this.#wire.unsubscribe(recipient)
  }

  get status(): NotifierStatus {
    const { clock } = this.#parts
    const lastMessageAt =
      this.#lastHeard === undefined ? undefined : Math.round(clock.now() - (clock.monotonic() - this.#lastHeard))
    return { address: this.address, connected: this.#wire.isUp, suspect: this.#suspect, lastMessageAt }
  }

  /** What has arrived is heard first. */
  drain(patience: Patience): Promise<void> {
    return this.#wire.drain(patience)
  }

  close(): Promise<void> {
    this.#stopListening?.()
    return this.#wire.close()
  }

  #wireParts(): WireParts {
    const { address } = this
    const { clock, events, maxMessageBytes, filters } = this.#parts
    return {
      address,
      filters,
      maxMessageBytes,
      clock,
      onMessage: (frames) => this.#hear(frames),
      onUp: () => this.#up(),
      onDown: () => this.#down(),
      onRevived: (reason) => events.emit('notifier.reconnected', { address, reason }),
      onOld: (reason) => this.#changeToLibzmq(reason),
      onFault: (during, error) => events.emit('gateway.failed', { during: `${during} of ${address}`, error }),
    }
  }

  /** It knows all versions of ZMTP that there have been. */
  #changeToLibzmq(reason: string): boolean {
    const parts = this.#wireParts()
    let wire: Wire | undefined
    try {
      wire = libzmqWire(parts)
      wire.open()
    } catch (error) {
      void wire?.close()
      parts.onFault('changing the wire', error)
      return false
    }
    void this.#wire.close()
    this.#wire = wire
    parts.onRevived(reason)
    return true
  }

  #hear(frames: readonly Buffer[]): void {
    const now = this.#parts.clock.monotonic()
    this.#lastHeard = now
    this.#suspect = false
    if (isHeartbeat(frames)) this.#beat()
    else this.#parts.onMessage(frames, this.address, now)
  }

  /** Every filter is out now or stands in the queue before this, so who sees it knows that we hear (PROTOCOL.md §1). */
  #up(): void {
    void this.#wire.subscribe(READY)
    this.#wire.unsubscribe(READY)
    this.#parts.events.emit('notifier.connected', { address: this.address })
  }

  /** Who comes back may be another program, one that sends no heartbeats: nothing is held against it. */
  #down(): void {
    this.#stopListening?.()
    this.#beats = false
    this.#suspect = false
    this.#parts.events.emit('notifier.disconnected', { address: this.address })
  }

  /** ZMTP's heartbeats may come from libzmq's thread; only these say that the notifier's program is alive. */
  #beat(): void {
    if (this.#beats || !this.#wire.isUp) return
    this.#beats = true
    this.#listenAfter(SUSPECT_AFTER_MS)
  }

  #listenAfter(ms: number): void {
    this.#stopListening = this.#parts.clock.later(ms, () => {
      // Timers come before what has arrived: if it is we who were late, let the reader go first.
      const judging = setImmediate(() => this.#judge())
      this.#stopListening = () => clearImmediate(judging)
    })
  }

  #judge(): void {
    const silentMs = Math.round(this.#parts.clock.monotonic() - (this.#lastHeard ?? 0))
    if (silentMs >= DROPPED_AFTER_MS) {
      this.#wire.reconnect(NO_HEARTBEAT)
      // It was we who hung up: behind a new connection hangs the same program, until it says something.
      this.#suspect = true
    } else if (silentMs >= SUSPECT_AFTER_MS) {
      this.#suspect = true
      this.#parts.events.emit('notifier.suspect', { address: this.address, silentMs })
      this.#listenAfter(DROPPED_AFTER_MS - silentMs)
    } else {
      this.#listenAfter(SUSPECT_AFTER_MS - silentMs)
    }
  }
}
