import type { Response } from 'express'
import type { Address } from '../core/address.ts'
import type { Events } from '../core/events.ts'
import type { Clock } from '../core/ports.ts'

const MAX_QUEUED_BYTES = 1_048_576
const HEARTBEAT_MS = 15_000

/** One stream of Server-Sent Events. What its reader does not take in time is dropped, counted, and said. */
export class Tail {
  /** undefined: it wants all that passes. */
  readonly address: Address | undefined
  readonly #response: Response
  readonly #events: Events
  readonly #clock: Clock
  #dropped = 0
  #cancelHeartbeat = () => {}

  constructor(address: Address | undefined, response: Response, events: Events, clock: Clock) {
    this.address = address
    this.#response = response
    this.#events = events
    this.#clock = clock
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // A proxy that collects the answer before it passes it on would show nothing.
      'X-Accel-Buffering': 'no',
    })
    response.on('drain', () => this.#sayDropped())
  }

  /** The comment makes the head leave: who reads it knows that everything from now on is shown. */
  greet(): void {
    this.#response.write(': tail\n\n')
    this.#beatLater()
  }

  /** `print` is asked only for what its reader has room for. */
  show(print: () => string): void {
    if (this.#isFull()) {
      this.#dropped++
      return
    }
    this.#sayDropped()
    this.#response.write(print())
  }

  /** May be called for a stream that has gone. One whose reader has stopped is cut, or it would never end. */
  end(): void {
    this.#cancelHeartbeat()
    this.#announceDropped()
    if (this.#isFull()) this.#response.destroy()
    else this.#response.end()
  }

  #beatLater(): void {
    this.#cancelHeartbeat = this.#clock.later(HEARTBEAT_MS, () => {
      if (!this.#isFull()) this.#response.write(': still here\n\n')
      this.#beatLater()
    })
  }

  #sayDropped(): void {
    if (this.#dropped === 0) return
    this.#response.write(`event: dropped\ndata: {"dropped":${this.#dropped}}\n\n`)
    this.#announceDropped()
  }

  #announceDropped(): void {
    if (this.#dropped === 0) return
    const dropped = this.#dropped
    this.#dropped = 0
    this.#events.emit('tail.dropped', { dropped })
  }

  #isFull(): boolean {
    return this.#response.writableLength > MAX_QUEUED_BYTES
  }
}
