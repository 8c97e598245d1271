import type { Socket as IoSocket } from 'socket.io'
import type { Farewell, Hello } from '../core/notification.ts'
import type { Clock, Connection, Transport } from '../core/ports.ts'
import type { Handshake, Session } from '../core/session.ts'
import type { Frame } from './frameWriter.ts'
import { type MannerRules, Manners } from './manners.ts'
import type { Outbox } from './outbox.ts'
import { Wire } from './wire.ts'

/** What we say through Socket.IO's own `emit`; what goes to many goes as frames. What we hear is judged by `eventListener`. */
export interface ServerEvents {
  hello: (hello: Hello) => void
  bye: (farewell: Farewell) => void
}
export type Socket = IoSocket<Record<string, never>, ServerEvents>
export type Engine = Socket['conn']

/** How long who was told to go may take to close. */
export const FAREWELL_MS = 1_000

/** Waiting means: handed to us, and not yet known to have left for the browser. */
export interface QueueBounds {
  readonly maxQueuedBytes: number
  readonly maxQueuedPackets: number
}

/** One browser tab: a Socket.IO connection, and what waits for it. */
export class Tab implements Connection {
  readonly id: string
  readonly session: Session
  readonly transport: Transport
  readonly handshake: Handshake
  readonly socket: Socket
  readonly engine: Engine
  readonly #clock: Clock
  /** Why it was told to go; from then on it is written to no more. */
  #leaving: Farewell['code'] | undefined
  #queuedBytes = 0
  #queuedPackets = 0
  #underWayBytes = 0
  /** undefined: it has not been looked for; null: there is none. */
  #wire: Wire | null | undefined
  #manners: Manners | undefined

  constructor(socket: Socket, session: Session, transport: Transport, handshake: Handshake, clock: Clock) {
    this.id = socket.id
    this.session = session
    this.transport = transport
    this.handshake = handshake
    this.socket = socket
    this.engine = socket.conn
    this.#clock = clock
  }

  get leaving(): Farewell['code'] | undefined {
    return this.#leaving
  }

  /** How it has behaved since it said something for the first time. */
  manners(rules: MannerRules): Manners {
    this.#manners ??= new Manners(rules)
    return this.#manners
  }

  /** False: it takes Engine.IO's way, and may wait there. Without an outbox everything does. */
  push(frame: Frame, outbox: Outbox | undefined): boolean {
    if (this.#leaving !== undefined) return true
    if (outbox !== undefined && this.#wire?.take(frame.bytes, outbox)) return true
    const isWebSocket = this.engine.transport.name === 'websocket'
    if (outbox !== undefined && isWebSocket && this.#wire === undefined) {
      this.#wire = Wire.under(this.engine)
      if (this.#wire?.take(frame.bytes, outbox)) return true
    }
    this.#queuedBytes += frame.bytes.length
    this.#queuedPackets++
    // A polling connection may become a WebSocket while this waits, so it carries both forms.
    this.engine.write(isWebSocket ? '' : frame.text, frame.options)
    return false
  }

  /** Engine.IO is about to send whatever it has. */
  flush(): void {
    this.#wire?.yield()
    // It does so only when the batch before is out, so what was under way before is no more.
    this.#underWayBytes = this.#queuedBytes
    this.#queuedBytes = 0
    this.#queuedPackets = 0
  }

  /** More waits for it than may. A single notification never is too much: it waits for nobody. */
  isBehind({ maxQueuedBytes, maxQueuedPackets }: QueueBounds): boolean {
    if (this.#queuedPackets === 0) return false
    const underWay = Math.max(this.#underWayBytes, this.#wire?.backlog ?? 0)
    return this.#queuedBytes + underWay > maxQueuedBytes || this.#queuedPackets > maxQueuedPackets
  }

  /** Says bye behind everything that waits, then closes: the transport alone when it shall come back, else for good. */
  dismiss(farewell: Farewell): void {
    this.#leaving = farewell.code
    if (!this.socket.connected) return void this.engine.close(true)
    if (farewell.code === 'drain') {
      this.#closeWhenFlushed()
      this.socket.emit('bye', farewell)
    } else {
      this.socket.emit('bye', farewell)
      // Its own packet tells the client not to come back by itself; then it closes. One that loses its transport while
      // it still reads that packet comes back: python-socketio reads in one thread and closes in another.
      this.socket.disconnect()
      const cancel = this.#clock.later(FAREWELL_MS, () => this.engine.close(true))
      this.engine.once('close', cancel)
    }
  }

  /** Says bye past everything that waits, if there is a way, and closes. Returns how many notifications were dropped. */
  cut(farewell: Farewell): number {
    this.#leaving = farewell.code
    this.#wire?.release()
    const lost = this.#queuedPackets
    const { transport } = this.engine
    if (transport.name === 'websocket')
      transport.send([{ type: 'message', data: `2${JSON.stringify(['bye', farewell])}` }])
    this.engine.close(true)
    return lost
  }

  /**
   * Discards instead of Engine.IO's orderly close: over polling that one waits up to 30 seconds for a last request,
   * and its close packet makes python-socketio stay away. A client that asks again hears that its session is gone,
   * and connects anew.
   */
  #closeWhenFlushed(): void {
    this.engine.once('drain', () => this.engine.close(true))
  }
}
