import type { Socket } from 'node:net'
import { errorCommand, parseCommand, parseError, parseReady, ping, pong, type Ready, ready } from './commands.ts'
import { type Bounds, FrameReader, messageOf } from './frames.ts'
import { GREETING, GREETING_BYTES, readGreeting } from './greeting.ts'
import { hearOut } from './hearOut.ts'
import { ZmtpError } from './zmtpError.ts'

/** What we are, and whom we talk to. */
export interface Role {
  readonly socketType: 'SUB' | 'ROUTER'
  readonly partners: ReadonlySet<string>
  /** undefined: we answer the peer's heartbeats, and send none. */
  readonly heartbeat: { readonly everyMs: number; readonly missed: number } | undefined
}

export interface PeerParts {
  /** Connected. */
  readonly socket: Socket
  readonly role: Role
  readonly bounds: Bounds
  /** The handshake is done. */
  onReady(peer: Peer): void
  onMessage(parts: readonly Buffer[]): void
  /** Called once, whoever ended it. */
  onClose(peer: Peer, error: Error | undefined): void
  /** `onMessage` threw; the connection stays. */
  onFault(error: unknown): void
}

const NOTHING = Buffer.alloc(0)
const HANDSHAKE_MS = 5_000
const FAREWELL_MS = 1_000
/** So much is read from one peer in a turn of the event loop, about. */
const FAIR_BYTES = 32_768
const MAX_QUEUED_PONGS = 65_536
/** From 3.1 on a peer knows subscriptions as commands, and heartbeats. */
const KNOWS_COMMANDS = 1

/** One connection that speaks ZMTP 3 with the NULL mechanism (RFC 23 and RFC 37). */
export class Peer {
  readonly #parts: PeerParts
  readonly #socket: Socket
  readonly #frames: FrameReader
  #greeting: Buffer | undefined = NOTHING
  #minor = 0
  #ready: Ready | undefined
  #out: Buffer[] = []
  #outBytes = 0
  #timer: NodeJS.Timeout
  /** Heartbeats since the peer was heard last. */
  #silent = 0
  #isPaused = false
  #readThisTurn = 0
  #error: Error | undefined

  constructor(parts: PeerParts) {
    this.#parts = parts
    this.#socket = parts.socket
    this.#frames = new FrameReader(parts.bounds, {
      message: (message) => this.#hear(message),
      command: (body) => this.#obey(body),
    })
    this.#timer = setTimeout(
      () => this.close(new ZmtpError('it did not finish the handshake', 'silent')),
      HANDSHAKE_MS,
    ).unref()
    hearOut(this.#socket)
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#socket.on('error', (error) => {
      this.#error ??= error
    })
    this.#socket.once('close', () => this.#closed())
    this.#socket.write(Buffer.concat([GREETING, ready(parts.role.socketType)]))
  }

  get isReady(): boolean {
    return this.#ready !== undefined && !this.#socket.destroyed
  }

  get knowsCommands(): boolean {
    return this.#minor >= KNOWS_COMMANDS
  }

  /** As the peer calls itself; empty when it does not. */
  get identity(): Buffer {
    return this.#ready?.identity ?? NOTHING
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** What has been handed to us and has not left yet. */
  get queuedBytes(): number {
    return this.#outBytes + this.#socket.writableLength
  }

  send(parts: readonly Uint8Array[]): void {
    this.write(messageOf(parts))
  }

  /** Whole frames. What is written in one turn of the event loop leaves together. */
  write(bytes: Buffer): void {
    if (this.#out.push(bytes) === 1) setImmediate(() => this.#flush())
    this.#outBytes += bytes.length
  }

  /** Resolves when the kernel has taken what was written, or never will. */
  drained(): Promise<void> {
    this.#flush()
    return new Promise((resolve) => {
      this.#socket.write('', () => resolve())
    })
  }

  /** Reads no more until `resume`: the kernel's buffers fill, and the peer has to wait. */
  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#socket.resume()
  }

  /** At once. Nothing is heard from it any more. */
  close(error?: Error): void {
    this.#error ??= error
    this.#frames.stop()
    this.#socket.destroy()
  }

  /** Resolves when it has taken what was written and left, or after a second. Nothing is heard from it any more. */
  async end(): Promise<void> {
    this.#frames.stop()
    this.#flush()
    if (this.#socket.closed) return
    await new Promise<void>((resolve) => {
      const giveUp = setTimeout(() => this.#socket.destroy(), FAREWELL_MS)
      this.#socket.once('close', () => {
        clearTimeout(giveUp)
        resolve()
      })
      if (this.#socket.destroyed) return
      // Closed with something unread, TCP takes back what is still on its way.
      this.resume()
      this.#socket.end()
    })
  }

  #flush(): void {
    const out = this.#out
    this.#out = []
    this.#outBytes = 0
    if (out.length === 0 || this.#socket.destroyed) return
    this.#socket.write(out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out))
  }

  #read(chunk: Buffer): void {
    this.#silent = 0
    try {
      if (this.#greeting === undefined) this.#frames.read(chunk)
      else this.#greet(Buffer.concat([this.#greeting, chunk]))
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(`${error}`))
    }
    this.#breathe(chunk.length)
  }

  /** Node reads on in the same turn, as long as there is something: a flood would starve everybody else. */
  #breathe(bytes: number): void {
    if (this.#readThisTurn === 0) setImmediate(() => this.#beginTurn())
    this.#readThisTurn += bytes
    if (this.#readThisTurn >= FAIR_BYTES) this.#socket.pause()
  }

  #beginTurn(): void {
    const wasEnough = this.#readThisTurn >= FAIR_BYTES
    this.#readThisTurn = 0
    if (wasEnough && !this.#isPaused) this.#socket.resume()
  }

  /** @throws ZmtpError */
  #greet(bytes: Buffer): void {
    this.#greeting = bytes
    const minor = readGreeting(bytes)
    if (minor === undefined) return
    this.#minor = minor
    this.#greeting = undefined
    if (bytes.length > GREETING_BYTES) this.#frames.read(bytes.subarray(GREETING_BYTES))
  }

  #hear(message: readonly Buffer[]): void {
    if (this.#ready === undefined) throw new ZmtpError('it speaks before it is ready')
    try {
      this.#parts.onMessage(message)
    } catch (error) {
      this.#parts.onFault(error)
    }
  }

  /** @throws ZmtpError */
  #obey(body: Buffer): void {
    const { name, data } = parseCommand(body)
    switch (name) {
      case 'READY':
        this.#begin(parseReady(data))
        return
      case 'PING':
        // Who has so much to read first hears that we are there.
        if (this.queuedBytes < MAX_QUEUED_PONGS) this.write(pong(data))
        return
      case 'ERROR':
        throw new ZmtpError(`it refuses us: ${parseError(data)}`)
      default:
      // PONG; and what a later version may say.
    }
  }

  /** @throws ZmtpError */
  #begin(ready: Ready): void {
    if (this.#ready !== undefined) throw new ZmtpError('it is ready twice')
    const { partners } = this.#parts.role
    if (!partners.has(ready.socketType)) {
      this.#socket.write(errorCommand('Invalid socket type'))
      throw new ZmtpError(`its socket is no ${[...partners].join(' or ')}`)
    }
    this.#ready = ready
    clearTimeout(this.#timer)
    const { heartbeat } = this.#parts.role
    if (heartbeat !== undefined && this.knowsCommands) this.#beat(heartbeat)
    this.#parts.onReady(this)
  }

  #beat({ everyMs, missed }: NonNullable<Role['heartbeat']>): void {
    const frame = ping(everyMs * missed)
    this.#timer = setInterval(() => {
      if (this.#isPaused) return
      if (this.#silent++ >= missed) this.close(new ZmtpError('it does not answer', 'silent'))
      else this.write(frame)
    }, everyMs).unref()
  }

  #closed(): void {
    clearTimeout(this.#timer)
    this.#frames.stop()
    this.#parts.onClose(this, this.#error)
  }
}
