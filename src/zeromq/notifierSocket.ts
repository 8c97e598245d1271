import { XSubscriber } from 'zeromq'
import type { Events } from '../core/events.ts'
import type { Clock } from '../core/ports.ts'
import { CAREFUL, needsIpv6, workOffMailbox } from './context.ts'
import { isHeartbeat, subscribeTo, unsubscribeFrom } from './frames.ts'
import { Line } from './line.ts'
import { type Patience, Reading } from './reading.ts'
import { SendQueue } from './sendQueue.ts'

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
  readonly maxMessageSize: number
  /** Called in the order of arrival. Must not throw. */
  readonly onMessage: (frames: readonly Buffer[], address: string, arrivedAt: number) => void
}

const NO_HEARTBEAT = 'no heartbeat'
const SUSPECT_AFTER_MS = 5_000
const DROPPED_AFTER_MS = 10_000
const RECEIVE_HIGH_WATER_MARK = 4_000

/**
 * The socket for one notifier: each has its own, so that every message has a known origin and a flood from one fills
 * nobody else's queue. An XSUB without a send high-water mark, because a SUB forgets its filters beyond the
 * thousandth at every reconnect, without a word.
 */
export class NotifierSocket {
  readonly address: string
  readonly #parts: NotifierParts
  readonly #socket: XSubscriber
  readonly #line: Line
  readonly #filters: SendQueue
  #lastHeard: number | undefined
  #beats = false
  #suspect = false
  #stopListening: (() => void) | undefined
  #reading: Reading | undefined

  constructor(address: string, parts: NotifierParts) {
    this.address = address
    this.#parts = parts
    this.#socket = new XSubscriber({
      ...CAREFUL,
      ipv6: needsIpv6(address),
      sendHighWaterMark: 0,
      sendTimeout: 0,
      receiveHighWaterMark: RECEIVE_HIGH_WATER_MARK,
      maxMessageSize: parts.maxMessageSize,
    })
    this.#filters = new SendQueue(this.#socket, (error) =>
      parts.events.emit('gateway.failed', { during: `sending a filter to ${address}`, error }),
    )
    this.#line = new Line(this.#socket, address, parts.clock, {
      onUp: () => this.#up(),
      onDown: () => this.#down(),
      onRevived: (reason) => parts.events.emit('notifier.reconnected', { address, reason }),
    })
  }

  /** @throws when libzmq takes the address for no endpoint */
  open(recipients: Iterable<string>): void {
    for (const recipient of recipients) void this.follow(recipient)
    this.#line.connect()
    this.#reading = new Reading({
      socket: this.#socket,
      clock: this.#parts.clock,
      hear: (frames) => this.#hear(frames),
      fail: (error) => this.#parts.events.emit('gateway.failed', { during: `reading from ${this.address}`, error }),
    })
  }

  /** Resolves when the socket has taken the filter. */
  follow(recipient: string): Promise<void> {
    return this.#filters.push(subscribeTo(recipient))
  }

  unfollow(recipient: string): void {
    void this.#filters.push(unsubscribeFrom(recipient))
  }

  get status(): NotifierStatus {
    const { clock } = this.#parts
    const lastMessageAt =
      this.#lastHeard === undefined ? undefined : Math.round(clock.now() - (clock.monotonic() - this.#lastHeard))
    return { address: this.address, connected: this.#line.isUp, suspect: this.#suspect, lastMessageAt }
  }

  /** What has arrived is heard first. */
  async drain(patience: Patience): Promise<void> {
    await this.#reading?.drain(patience)
  }

  async close(): Promise<void> {
    this.#line.close()
    this.#socket.close()
    await this.#reading?.done
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
    workOffMailbox(this.#socket)
    void this.#filters.push(subscribeTo('!ready'))
    void this.#filters.push(unsubscribeFrom('!ready'))
    this.#parts.events.emit('notifier.connected', { address: this.address })
  }

  /** Who comes back may be another program, one that sends no heartbeats: nothing is held against it. */
  #down(): void {
    this.#stopListening?.()
    this.#beats = false
    this.#suspect = false
    this.#parts.events.emit('notifier.disconnected', { address: this.address })
  }

  /** ZMTP's heartbeats come from libzmq's thread; only these say that the notifier's program is alive. */
  #beat(): void {
    if (this.#beats) return
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
      this.#line.reconnect(NO_HEARTBEAT)
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
