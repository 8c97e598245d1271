import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Server } from 'socket.io'
import { asGatewayError, GatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Farewell, Hello, InboxChange, Notification } from '../core/notification.ts'
import type { Clock, Connection, Reception, Transport } from '../core/ports.ts'
import { type ClientEvents, eventListener } from './clientEvents.ts'
import { Door } from './door.ts'
import { eventFrame, type Frame, frameWriter } from './frameWriter.ts'
import { addressOf, toHandshake } from './handshake.ts'
import { forgetHandshake, forgetUpgrade } from './leftovers.ts'
import { shared } from './listeners.ts'
import type { MannerRules } from './manners.ts'
import { Newcomers } from './newcomers.ts'
import { Outbox } from './outbox.ts'
import { parser } from './parser.ts'
import { type Engine, FAREWELL_MS, type QueueBounds, type ServerEvents, type Socket, Tab } from './tab.ts'
import { PonglessWebSocketServer, serveWithoutUpgrade } from './upgrades.ts'

export interface SocketioOptions {
  /** Attached to in `open`, so it has its own request listener by then. Its owner listens and closes. */
  readonly server: HttpServer
  readonly reception: Reception
  readonly events: Events
  readonly clock: Clock
  /** Carries notifications. */
  readonly eventName: string
  /** Exactly these pages may connect. */
  readonly origins: readonly string[]
  /** Whom it refuses may not connect, whatever origin it has. By default it refuses nobody. */
  readonly admits?: (request: IncomingMessage) => boolean
  /** Serves `/socket.io/socket.io.js`, for the demo page. */
  readonly serveClient: boolean
  readonly trustProxy: boolean
  /** Writes to TCP sockets past Engine.IO wherever that is safe. False: nowhere. By default it does. */
  readonly fast?: boolean
  readonly limits: SocketioLimits
  /** What browsers may ask, by event name. */
  readonly handlers: ClientEvents
}

export interface SocketioLimits extends QueueBounds {
  /** Per connection; 0: no limit. */
  readonly eventsPerSecond: number
  readonly burst: number
  /** Browsers that are sent away come back spread over this time. */
  readonly retrySpreadMs: number
  /** Who opened a connection and says nothing is closed after it. */
  readonly connectTimeoutMs: number
}

export const SOCKETIO_LIMITS: SocketioLimits = {
  eventsPerSecond: 10,
  burst: 20,
  maxQueuedBytes: 1_048_576,
  maxQueuedPackets: 16_384,
  retrySpreadMs: 5_000,
  connectTimeoutMs: 5_000,
}

const PATH = '/socket.io/'
const MAX_MESSAGE_BYTES = 65_536
/** How many are sent away in one turn of the event loop; thousands would block it. */
const FAREWELLS_A_TURN = 500
/** Engine.IO's message with Socket.IO's CONNECT to a namespace that is not `/`. */
const FOREIGN_CONNECT = /^0\/[^,]/

/** Socket.IO 4 over WebSocket and long-polling, namespace `/` (PROTOCOL.md §4). */
export const socketioTransport = (options: SocketioOptions): Transport => new SocketioTransport(options)

class SocketioTransport implements Transport {
  readonly name = 'socketio'
  readonly #options: SocketioOptions
  readonly #frame: (notification: Notification) => Frame
  /** undefined: everything takes Engine.IO's way. */
  readonly #outbox: Outbox | undefined
  readonly #tabs = new Map<Engine, Tab>()
  /** More waits for them than may, and they are about to be judged. */
  readonly #behind = new Set<Tab>()
  readonly #newcomers: Newcomers
  /** The TCP connections of all WebSockets, so that `close` can wait for them and end those that do not answer. */
  readonly #wires = new Set<Duplex>()
  #io: Server<Record<string, never>, ServerEvents> | undefined
  #draining = false
  #closed: Promise<void> | undefined
  #onEmpty: (() => void) | undefined
  readonly #manners: MannerRules
  readonly #hearEvents: ReturnType<typeof eventListener>

  constructor(options: SocketioOptions) {
    this.#options = options
    const { clock, events, handlers, limits } = options
    this.#manners = { clock, perSecond: limits.eventsPerSecond, burst: limits.burst }
    this.#newcomers = new Newcomers(this.#manners)
    this.#hearEvents = eventListener({ ...this.#manners, events, handlers })
    this.#frame = frameWriter(options.eventName)
    this.#outbox = options.fast === false ? undefined : new Outbox()
  }

  async open(): Promise<void> {
    const { server, origins, serveClient, limits } = this.#options
    let closeListeners = 0
    server.on('upgrade', (request, wire, rest) => {
      if (request.url?.startsWith(PATH)) this.#watch(wire)
      else serveWithoutUpgrade(server, request, wire, rest)
      closeListeners = wire.listenerCount('close')
    })
    const io = new Server<Record<string, never>, ServerEvents>({
      path: PATH,
      serveClient,
      cors: { origin: [...origins], credentials: true },
      transports: ['polling', 'websocket'],
      wsEngine: PonglessWebSocketServer,
      destroyUpgrade: false,
      allowEIO3: false,
      perMessageDeflate: false,
      httpCompression: false,
      maxHttpBufferSize: MAX_MESSAGE_BYTES,
      connectTimeout: limits.connectTimeoutMs,
      cleanupEmptyChildNamespaces: true,
      parser,
    })
    io.use((socket, next) => void this.#admit(socket, next))
    io.on('connection', (socket) => this.#welcome(socket))
    io.attach(server)
    server.on('upgrade', (_request, wire) => forgetUpgrade(wire, closeListeners))
    const door = new Door({ ...this.#options, name: this.name, isDraining: () => this.#draining })
    io.engine.use(door.check.bind(door))
    io.engine.on('connection', (engine: Engine) => this.#receive(engine, door.enter(engine.request)))
    io.engine.on('flush', (engine: Engine) => this.#tabs.get(engine)?.flush())
    this.#io = io
  }

  greet(connection: Connection, hello: Hello): void {
    if (connection instanceof Tab && connection.leaving === undefined) connection.socket.emit('hello', hello)
  }

  write(connections: readonly Connection[], notification: Notification): void {
    const frame = this.#frame(notification)
    this.#push(connections, frame)
  }

  report(connections: readonly Connection[], change: InboxChange): void {
    const frame = eventFrame('inbox', change)
    this.#push(connections, frame)
  }

  dismiss(connection: Connection, farewell: Farewell): void {
    if (!(connection instanceof Tab) || connection.leaving !== undefined) return
    if (farewell.code === 'slow') this.#cut(connection)
    else connection.dismiss(farewell)
  }

  close(): Promise<void> {
    this.#draining = true
    this.#closed ??= this.#io === undefined ? Promise.resolve() : this.#sendAway(this.#io)
    return this.#closed
  }

  #push(connections: readonly Connection[], frame: Frame): void {
    const { limits } = this.#options
    for (const connection of connections)
      if (connection instanceof Tab && !connection.push(frame, this.#outbox) && connection.isBehind(limits))
        this.#judgeLater(connection)
  }

  async #sendAway(io: Server<Record<string, never>, ServerEvents>): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
    for (const [i, tab] of [...this.#tabs.values()].entries()) {
      if (i > 0 && i % FAREWELLS_A_TURN === 0) await nextTurn()
      this.dismiss(tab, { code: 'drain', retryInMs: this.#retryInMs() })
    }
    const cancel = this.#options.clock.later(FAREWELL_MS, () => this.#onEmpty?.())
    this.#checkEmpty()
    await empty
    cancel()
    // Not `io.close()`, which would close the HTTP server too. From here on the door answers 503.
    io.engine.close()
    for (const wire of this.#wires) wire.destroy()
  }

  /** Never rejects, and always answers: what Socket.IO hears nothing of would stay in its memory. */
  async #admit(socket: Socket, next: (error?: Error) => void): Promise<void> {
    const { reception, clock, trustProxy } = this.#options
    const { conn } = socket
    // Each may ask once. Who is refused hears why and goes; closing it at once would make python-socketio and the
    // client 3.1 come back, so those who stay have until Socket.IO's `connectTimeout`.
    if (!this.#newcomers.mayAsk(conn)) {
      conn.close(true)
      return next()
    }
    try {
      const remoteAddress = addressOf(socket.request, conn.remoteAddress, trustProxy)
      const handshake = toHandshake(socket, remoteAddress, clock.now())
      const session = await reception.admit(handshake, this.name)
      if (conn.readyState !== 'open') return next()
      if (this.#draining) throw new GatewayError('draining')
      this.#seat(new Tab(socket, session, this, handshake, clock))
      next()
    } catch (thrown) {
      const error = asGatewayError(thrown)
      next(Object.assign(new Error(error.message), { data: error.toPublic() }))
    }
  }

  #seat(tab: Tab): void {
    const { engine, socket } = tab
    this.#options.reception.open(tab)
    this.#newcomers.leave(engine)
    this.#tabs.set(engine, tab)
    socket.data = tab
    forgetHandshake(socket)
    // It may have been dismissed while it was being opened.
    if (engine.readyState !== 'open') this.#leave(tab, engine.readyState)
  }

  #welcome(socket: Socket): void {
    const tab: unknown = socket.data
    if (!(tab instanceof Tab)) return
    // Nobody looks for it by the room that it has for itself.
    void socket.leave(socket.id)
    socket.on('disconnect', this.#onDisconnect)
    socket.onAny(this.#hearEvents)
    void this.#options.reception.welcome(tab)
  }

  readonly #onDisconnect = shared((socket: Socket, reason: string) => {
    const tab: unknown = socket.data
    if (!(tab instanceof Tab)) return
    this.#leave(tab, reason)
    // A connection in no namespace would stay open and be counted by nobody.
    if (tab.leaving === undefined) tab.engine.close(true)
  })

  /** Both the socket and its connection tell of the end, in either order. */
  #leave(tab: Tab, reason: string): void {
    if (!this.#tabs.delete(tab.engine)) return
    this.#options.reception.close(tab, tab.leaving ?? reason)
    this.#checkEmpty()
  }

  /** A burst within one turn of the event loop is not the browser's fault: who is behind after it is slow. */
  #judgeLater(tab: Tab): void {
    if (this.#behind.size === 0) setImmediate(() => this.#judge())
    this.#behind.add(tab)
  }

  #judge(): void {
    for (const tab of this.#behind) if (tab.leaving === undefined && tab.isBehind(this.#options.limits)) this.#cut(tab)
    this.#behind.clear()
  }

  #cut(tab: Tab): void {
    const lost = tab.cut({ code: 'slow', retryInMs: this.#retryInMs() })
    const { id, session } = tab
    this.#options.events.emit('client.slow', { connection: id, user: session.user.id, lost })
  }

  #receive(engine: Engine, leaveDoor: () => void): void {
    this.#newcomers.receive(engine, leaveDoor)
    engine.on('close', this.#onClose)
    engine.on('data', this.#onMessage)
  }

  readonly #onMessage = shared((engine: Engine, message: unknown) => {
    const manners = this.#tabs.get(engine)?.manners(this.#manners) ?? this.#newcomers.manners(engine)
    if (manners?.mayMessage() === false) engine.close(true)
    // Socket.IO has refused it by now, and would refuse the next one, with the name that it was given.
    else if (typeof message === 'string' && FOREIGN_CONNECT.test(message)) engine.close()
  })

  readonly #onClose = shared((engine: Engine, reason: string) => {
    this.#newcomers.leave(engine)
    const tab = this.#tabs.get(engine)
    if (tab !== undefined) this.#leave(tab, reason)
  })

  #watch(wire: Duplex): void {
    this.#wires.add(wire)
    wire.on('close', this.#onWireClose)
  }

  readonly #onWireClose = shared((wire: Duplex) => {
    this.#wires.delete(wire)
    this.#checkEmpty()
  })

  #checkEmpty(): void {
    if (this.#tabs.size === 0 && this.#wires.size === 0) this.#onEmpty?.()
  }

  #retryInMs = () => Math.floor(Math.random() * this.#options.limits.retrySpreadMs)
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
