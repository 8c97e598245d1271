import { connect, type Socket } from 'node:net'
import { untilQuiet } from '../reading.ts'
import type { Wire, WireParts } from '../wire.ts'
import { commandOf, messageOf } from './frames.ts'
import { Peer, type Role } from './peer.ts'
import { targetOf } from './target.ts'
import { ZmtpError } from './zmtpError.ts'

const SUB: Role = {
  socketType: 'SUB',
  partners: new Set(['PUB', 'XPUB']),
  heartbeat: { everyMs: 2_000, missed: 3 },
}
/** A message of more than three parts is refused politely; this is for who never comes to an end. */
const MAX_PARTS = 1_024
const CONNECT_MS = 5_000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 1_000
/** After what would happen again: a stranger, a message that is too large. */
const FIRST_REVIVAL_MS = 5_000
const LAST_REVIVAL_MS = 60_000
/** A peer that takes no filters is given up before they fill the memory. */
const MAX_QUEUED_BYTES = 16_777_216
const FILTERS_A_TURN = 2_000
const SUBSCRIBE = 1
const CANCEL = 0

/** Over our own ZMTP 3 endpoint: no thread, no copy, and as many filters as there are users. */
export const zmtpWire = (parts: WireParts): Wire => new ZmtpWire(parts)

class ZmtpWire implements Wire {
  readonly #parts: WireParts
  #socket: Socket | undefined
  #peer: Peer | undefined
  #isUp = false
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
    this.#tell(SUBSCRIBE, recipient)
  }

  unsubscribe(recipient: string): void {
    this.#tell(CANCEL, recipient)
  }

  reconnect(reason: string): void {
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

  #dial(): void {
    const socket = connect(targetOf(this.#parts.address))
    this.#socket = socket
    const giveUp = setTimeout(() => socket.destroy(), CONNECT_MS)
    const onError = () => {}
    const onClose = () => {
      clearTimeout(giveUp)
      if (socket === this.#socket) this.#retry()
    }
    socket.on('error', onError).once('close', onClose)
    socket.once('connect', () => {
      clearTimeout(giveUp)
      socket.off('close', onClose)
      this.#peer = new Peer({
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
    })
  }

  /** All filters, some in each turn: a hundred thousand must not hold up everybody else. Then it is up. */
  async #introduce(peer: Peer): Promise<void> {
    this.#attempts = 0
    this.#revivals = 0
    let count = 0
    for (const recipient of this.#parts.filters()) {
      peer.write(filterOf(peer, SUBSCRIBE, recipient))
      if (++count % FILTERS_A_TURN !== 0) continue
      await peer.drained()
      if (peer !== this.#peer) return
    }
    this.#isUp = true
    this.#parts.onUp()
  }

  #tell(what: typeof SUBSCRIBE | typeof CANCEL, recipient: string): void {
    const peer = this.#peer
    if (peer?.isReady !== true) return
    peer.write(filterOf(peer, what, recipient))
    if (peer.queuedBytes > MAX_QUEUED_BYTES) peer.close(new Error('it takes no filters'))
  }

  #lost(peer: Peer, error: Error | undefined): void {
    if (peer !== this.#peer) return
    this.#hangUp()
    if (!(error instanceof ZmtpError)) this.#retry()
    else if (error.isOld) this.#parts.onOld()
    else this.#reviveLater(error.message)
  }

  #reviveLater(reason: string): void {
    const wait = Math.min(FIRST_REVIVAL_MS * 2 ** this.#revivals++, LAST_REVIVAL_MS)
    this.#cancelRetry = this.#parts.clock.later(wait, () => {
      this.#dial()
      this.#parts.onRevived(reason)
    })
  }

  /** Never all gateways at the same moment. */
  #retry(): void {
    this.#hangUp()
    if (this.#isClosed) return
    const wait = Math.min(FIRST_RETRY_MS * 2 ** this.#attempts++, LAST_RETRY_MS) * (0.5 + Math.random() / 2)
    const timer = setTimeout(() => this.#dial(), wait).unref()
    this.#cancelRetry = () => clearTimeout(timer)
  }

  #hangUp(): void {
    this.#cancelRetry()
    const [socket, wasUp] = [this.#socket, this.#isUp]
    this.#socket = undefined
    this.#peer = undefined
    this.#isUp = false
    socket?.destroy()
    if (wasUp) this.#parts.onDown()
  }
}

/** A prefix that ends in the bar, or `42` would hear `420` too. */
function filterOf(peer: Peer, what: typeof SUBSCRIBE | typeof CANCEL, recipient: string): Buffer {
  const prefix = Buffer.from(`${recipient}|`)
  if (!peer.knowsCommands) return messageOf([Buffer.concat([Buffer.of(what), prefix])])
  return commandOf(what === SUBSCRIBE ? 'SUBSCRIBE' : 'CANCEL', prefix)
}
