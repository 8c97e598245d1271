import { Socket as TcpSocket } from 'node:net'
import type { Outbox } from './outbox.ts'

/** Beyond it copying frames into one piece costs more than handing them over one by one. */
const MAX_JOINED_BYTES = 65_536

/**
 * The way past Engine.IO and ws for what is a WebSocket frame already: to the TCP socket itself. It is open while
 * everything that Engine.IO was given before has been handed to that socket and the kernel has taken all of it, so the
 * order stays, and who reads too slowly is bounded as ever. Before Engine.IO writes to the socket `yield` is called.
 *
 * The parts that it looks at are private to `engine.io` and `ws`. They are named in this file alone, and each is looked
 * for: with a version that lacks one of them, and over TLS, every frame takes the public way.
 */
export class Wire {
  readonly #parts: Parts
  readonly #socket: TcpSocket
  /** Engine.IO has said nothing since this way was found free. */
  #isFree = false
  #first: Buffer | undefined
  /** All that waits, the first included, when it is more than one. */
  #waiting: Buffer[] | undefined
  #waitingBytes = 0

  private constructor(parts: Parts) {
    this.#parts = parts
    this.#socket = parts.socket
  }

  /** Null: there is no such way to this connection, or not yet: it may have one when it has become a WebSocket. */
  static under(engine: object): Wire | null {
    const parts = partsOf(engine)
    return parts === null ? null : new Wire(parts)
  }

  /** Takes a frame that may go this way; at the end of this turn of the event loop at the latest it leaves. */
  take(frame: Buffer, outbox: Outbox): boolean {
    if (this.#first === undefined) {
      if (!this.#mayTake()) return false
      this.#first = frame
      outbox.add(this)
    } else if (this.#waiting === undefined) this.#waiting = [this.#first, frame]
    else this.#waiting.push(frame)
    this.#waitingBytes += frame.length
    return true
  }

  /** Engine.IO is about to write: now leaves what was taken before, and the way is looked at anew. */
  yield(): void {
    this.release()
    this.#isFree = false
  }

  /** Now leaves what it took. Nothing has come in between, except that the connection may have ended. */
  release(): void {
    const first = this.#first
    if (first === undefined) return
    const all = this.#waiting
    const bytes = this.#waitingBytes
    this.#first = undefined
    this.#waiting = undefined
    this.#waitingBytes = 0
    const socket = this.#socket
    if (!isOpen(this.#parts)) return
    if (all === undefined) socket.write(first)
    else if (bytes <= MAX_JOINED_BYTES) socket.write(Buffer.concat(all, bytes))
    else {
      socket.cork()
      for (const frame of all) socket.write(frame)
      socket.uncork()
    }
  }

  /** How many bytes the kernel has not taken yet, whoever wrote them. */
  get backlog(): number {
    return this.#socket.writableLength
  }

  /** Most often nothing has happened since the last frame, and one look is enough. */
  #mayTake(): boolean {
    this.#isFree = this.#isFree ? this.#socket.writableLength === 0 : isFree(this.#parts)
    return this.#isFree
  }
}

interface Parts {
  readonly engine: EngineInside
  readonly transport: TransportInside
  readonly webSocket: WebSocketInside
  readonly socket: TcpSocket
}

interface EngineInside {
  readonly readyState: string
  readonly transport: object
  readonly upgrading: boolean
  readonly writeBuffer: readonly unknown[]
}

interface TransportInside {
  readonly writable: boolean
  readonly perMessageDeflate: unknown
  readonly socket: object
}

interface WebSocketInside {
  readonly readyState: number
  readonly extensions: string
  /** What the TCP socket and the sender before it hold. */
  readonly bufferedAmount: number
  readonly _socket: object
  readonly _sender: { readonly _socket: object }
}

const OPEN = 1

/** Would a frame that is written now come after everything that was sent before, and wait for nobody? */
function isFree(parts: Parts): boolean {
  const { engine, transport, webSocket, socket } = parts
  return (
    engine.writeBuffer.length === 0 &&
    transport.writable &&
    engine.transport === transport &&
    !engine.upgrading &&
    engine.readyState === 'open' &&
    webSocket.bufferedAmount === 0 &&
    socket.writableCorked === 0 &&
    isOpen(parts)
  )
}

const isOpen = ({ webSocket, socket }: Parts) => webSocket.readyState === OPEN && socket.writable

function partsOf(engine: object): Parts | null {
  if (!isEngine(engine) || !isTransport(engine.transport)) return null
  const { transport } = engine
  const { socket: webSocket } = transport
  if (!isWebSocket(webSocket) || transport.perMessageDeflate || webSocket.extensions !== '') return null
  const { _socket: socket, _sender: sender } = webSocket
  if (sender._socket !== socket || !isPlain(socket)) return null
  return { engine, transport, webSocket, socket }
}

/** Not a TLSSocket, nor another kind: what is written to those is not what leaves. */
const isPlain = (socket: object): socket is TcpSocket => Object.getPrototypeOf(socket) === TcpSocket.prototype

const isEngine = (it: object): it is EngineInside =>
  'readyState' in it &&
  typeof it.readyState === 'string' &&
  'transport' in it &&
  isObject(it.transport) &&
  'upgrading' in it &&
  typeof it.upgrading === 'boolean' &&
  'writeBuffer' in it &&
  Array.isArray(it.writeBuffer)

const isTransport = (it: object): it is TransportInside =>
  'writable' in it &&
  typeof it.writable === 'boolean' &&
  'perMessageDeflate' in it &&
  'socket' in it &&
  isObject(it.socket)

const isWebSocket = (it: object): it is WebSocketInside =>
  'readyState' in it &&
  typeof it.readyState === 'number' &&
  'extensions' in it &&
  'bufferedAmount' in it &&
  typeof it.bufferedAmount === 'number' &&
  '_socket' in it &&
  isObject(it._socket) &&
  '_sender' in it &&
  isObject(it._sender) &&
  '_socket' in it._sender

const isObject = (it: unknown): it is object => typeof it === 'object' && it !== null
