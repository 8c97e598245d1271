import { connect, isIP, type Socket } from 'node:net'
import { untilQuiet } from '../reading.ts'
import type { Wire, WireParts } from '../wire.ts'
import { CANCEL, Filters, SUBSCRIBE } from './filters.ts'
import { Peer, type Role } from './peer.ts'
import { targetOf } from './target.ts'
import { ZmtpError } from './zmtpError.ts'

const SUB: Role = {
  socketType: 'SUB',
  partners: new Set(['PUB', 'XPUB']),
  heartbeat: { everyMs: 2_000, missed: 3 },
}
/** Peers of 3.0 are sent no heartbeats: the kernel finds who has vanished. */
const KEEPALIVE_MS = 10_000
/** A message of more than three parts is refused politely; this is for who never comes to an end. */
const MAX_PARTS = 1_024
const CONNECT_MS = 5_000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 1_000
/** A list of thousands that are dead must not keep us busy: beyond 500 each is called less often. */
const EACH_WAITS_MS = 2
/** After what would happen again: a stranger, a message that is too large. */
const FIRST_REVIVAL_MS = 5_000
const LAST_REVIVAL_MS = 60_000
/** Who ends sooner than that after each handshake is called less and less often. */
const STEADY_AFTER_MS = 1_000
const INTRODUCED_WITHIN_MS = 30_000

/** Over our own ZMTP 3 endpoint: no thread, no copy, and as many filters as there are users. */
export const zmtpWire = (parts: WireParts): Wire => new ZmtpWire(parts)

class ZmtpWire implements Wire {
  /** Those that wait to try again, of all notifiers. */
  static #waiting = 0
  readonly #parts: WireParts
  #socket: Socket | undefined
  #peer: Peer | undefined
  /** Of the peer, once it is ready. */
  #filters: Filters | undefined
  #isUp = false
  #upAt = 0
  #heard = 0
  #attempts = 0
  #revivals = 0
  #cancelRetry = () => {}
  #isClosed = false

  constructor(parts: WireParts) {
    this.#parts = parts
  }

  get isUp(): boolean {
    return this.#isUp
  }

  open(): void {
    this.#dial()
  }

  async subscribe(recipient: string): Promise<void> {
    this.#filters?.tell(SUBSCRIBE, recipient)
  }

  unsubscribe(recipient: string): void {
    this.#filters?.tell(CANCEL, recipient)
  }

  reconnect(reason: string): void {
    if (this.#isClosed) return
    this.#hangUp()
    this.#dial()
    this.#parts.onRevived(reason)
  }

  drain(patience: Parameters<Wire['drain']>[0]): Promise<void> {
    return untilQuiet(() => (this.#peer?.isReady ? this.#heard : undefined), this.#parts.clock, patience)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#hangUp()
  }

  /** @throws when the address is no endpoint */
  #dial(): void {
    const target = targetOf(this.#parts.address)
    const socket = connect(target)
    this.#socket = socket
    let giveUp: NodeJS.Timeout | undefined
    const waitForAnswer = () => {
      if (!socket.destroyed) giveUp = setTimeout(() => socket.destroy(), CONNECT_MS)
    }
    const onClose = () => {
      clearTimeout(giveUp)
      if (socket === this.#socket) this.#retry()
    }
    socket.on('error', () => {}).once('close', onClose)
    // A name that takes long to be looked up is looked up once at a time: Node has few threads for it.
    if ('path' in target || isIP(target.host ?? '') !== 0) waitForAnswer()
    else socket.once('lookup', waitForAnswer)
    socket.once('connect', () => {
      clearTimeout(giveUp)
      socket.off('close', onClose)
      this.#peer = this.#greet(socket)
    })
  }

  #greet(socket: Socket): Peer {
    socket.setKeepAlive(true, KEEPALIVE_MS)
    // It has said all that it will, and may never read what we still have to say.
    socket.once('end', () => socket.destroy())
    return new Peer({
      socket,
      role: SUB,
      bounds: { maxMessageBytes: this.#parts.maxMessageBytes, maxParts: MAX_PARTS },
      onReady: (peer) => void this.#introduce(peer),
      onMessage: (frames) => {
        this.#heard++
        this.#parts.onMessage(frames)
      },
      onClose: (peer, error) => this.#lost(peer, error),
      onFault: (error) => this.#parts.onFault('hearing', error),
    })
  }

  /** It is up when it was told of everybody. */
  async #introduce(peer: Peer): Promise<void> {
    const { clock } = this.#parts
    const filters = new Filters(peer)
    this.#filters = filters
    const giveUp = clock.later(INTRODUCED_WITHIN_MS, () => filters.giveUp())
    await filters.introduce(this.#parts.filters())
    giveUp()
    if (peer !== this.#peer || !peer.isReady) return
    this.#isUp = true
    this.#upAt = clock.monotonic()
    this.#parts.onUp()
  }

  #lost(peer: Peer, error: Error | undefined): void {
    if (peer !== this.#peer) return
    this.#hangUp()
    if (this.#isClosed) return
    if (!(error instanceof ZmtpError)) this.#retry()
    else if (error.fault === 'silent') this.#retry(error.message)
    else if (error.fault !== 'old' || !this.#parts.onOld(error.message)) this.#reviveLater(error.message)
  }

  #reviveLater(reason: string): void {
    const wait = Math.min(FIRST_REVIVAL_MS * 2 ** this.#revivals++, LAST_REVIVAL_MS)
    this.#cancelRetry = this.#parts.clock.later(wait, () => {
      this.#dial()
      this.#parts.onRevived(reason)
    })
  }

  /** Never all gateways at the same moment, and never more calls than we have time for. */
  #retry(reason?: string): void {
    this.#hangUp()
    if (this.#isClosed) return
    const usual = Math.min(FIRST_RETRY_MS * 2 ** this.#attempts++, LAST_RETRY_MS)
    const wait = Math.max(usual, EACH_WAITS_MS * ZmtpWire.#waiting) * (0.5 + Math.random() / 2)
    const timer = setTimeout(() => {
      this.#cancelRetry()
      this.#dial()
      if (reason !== undefined) this.#parts.onRevived(reason)
    }, wait).unref()
    ZmtpWire.#waiting++
    this.#cancelRetry = () => {
      clearTimeout(timer)
      ZmtpWire.#waiting--
      this.#cancelRetry = () => {}
    }
  }

  #hangUp(): void {
    this.#cancelRetry()
    const [socket, wasUp] = [this.#socket, this.#isUp]
    this.#socket = undefined
    this.#peer = undefined
    this.#filters = undefined
    this.#isUp = false
    socket?.destroy()
    if (!wasUp) return
    if (this.#parts.clock.monotonic() - this.#upAt >= STEADY_AFTER_MS) {
      this.#attempts = 0
      this.#revivals = 0
    }
    this.#parts.onDown()
  }
}
