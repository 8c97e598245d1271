import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../core/ports.ts'

export interface ReadingParts {
  readonly socket: { readonly closed: boolean; receive(): Promise<Buffer[]> }
  readonly clock: Clock
  readonly hear: (frames: readonly Buffer[]) => void
  /** It threw while it received or heard. It is read on. */
  readonly fail: (error: unknown) => void
}

/** How long something that ends is listened to: until nothing came for `quietMs`, `maxMs` at most. */
export interface Patience {
  readonly quietMs: number
  readonly maxMs: number
}

/** Waits until nothing came for a moment. `heard`: how much has come so far; undefined: nothing more will. */
export async function untilQuiet(
  heard: () => number | undefined,
  clock: Clock,
  { quietMs, maxMs }: Patience,
): Promise<void> {
  const end = clock.monotonic() + maxMs
  while (heard() !== undefined && clock.monotonic() < end) {
    const before = heard()
    // Real time, whatever the clock says: this waits for the wire.
    await pause(quietMs)
    await nextTurn()
    if (heard() === before) return
  }
}

const MESSAGES_PER_TURN = 64
const AFTER_FAILURE_MS = 30

/** Hands over whatever a socket receives, until it is closed. */
export class Reading {
  readonly #parts: ReadingParts
  #heard = 0
  /** Resolves when the socket was closed. Never rejects. */
  readonly done: Promise<void>

  constructor(parts: ReadingParts) {
    this.#parts = parts
    this.done = this.#read()
  }

  /** Reads what has arrived, until nothing came for a moment: what libzmq still holds it would throw away. */
  drain(patience: Patience): Promise<void> {
    const { socket, clock } = this.#parts
    return untilQuiet(() => (socket.closed ? undefined : this.#heard), clock, patience)
  }

  /** zeromq.js may answer hundreds of reads without ever leaving the microtasks: timers and sockets must get a turn. */
  async #read(): Promise<void> {
    const { socket, hear, fail } = this.#parts
    while (!socket.closed) {
      try {
        const frames = await socket.receive()
        if (socket.closed) return
        this.#heard++
        hear(frames)
      } catch (error) {
        if (socket.closed) return
        fail(error)
        await pause(AFTER_FAILURE_MS)
      }
      if (this.#heard % MESSAGES_PER_TURN === 0) await nextTurn()
    }
  }
}
