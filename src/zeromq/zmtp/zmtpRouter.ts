import { createServer, type Server, type Socket } from 'node:net'
import { untilQuiet } from '../reading.ts'
import { type Asker, nameIn, type Router, type RouterParts } from '../router.ts'
import { listen } from './listen.ts'
import { Peer, type Role } from './peer.ts'

const ROUTER: Role = {
  socketType: 'ROUTER',
  partners: new Set(['DEALER', 'REQ', 'ROUTER']),
  // A sender that is held back could not answer them. The kernel finds who has vanished.
  heartbeat: undefined,
}
const KEEPALIVE_MS = 60_000
/** A message of more than some parts is refused politely; this is for who never comes to an end. */
const MAX_PARTS = 1_024
/** Who does not read its answers is not read either, until it does. A sender may pipeline many before it reads one. */
const MAX_QUEUED_BYTES = 8_388_608

/** Over our own ZMTP 3 endpoint. */
export const zmtpRouter = (parts: RouterParts): Router => new ZmtpRouter(parts)

class ZmtpRouter implements Router {
  readonly #parts: RouterParts
  readonly #server: Server
  readonly #peers = new Set<Peer>()
  /** Who calls itself something gets its answers also over its next connection. */
  readonly #named = new Map<string, Peer>()
  #heard = 0

  constructor(parts: RouterParts) {
    this.#parts = parts
    this.#server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS }, (socket) =>
      this.#meet(socket),
    )
  }

  async open(): Promise<void> {
    await listen(this.#server, this.#parts.address, this.#parts.key)
    this.#server.on('error', (error) => this.#parts.onFault('listening', error))
  }

  drain(patience: Parameters<Router['drain']>[0]): Promise<void> {
    return untilQuiet(() => this.#heard, this.#parts.clock, patience)
  }

  async close(): Promise<void> {
    this.#server.close()
    await Promise.all([...this.#peers].map((peer) => peer.end()))
  }

  #meet(socket: Socket): void {
    const { maxMessageBytes, onFault } = this.#parts
    const address = `${socket.remoteAddress ?? 'ipc'}:${socket.remotePort ?? ''}`
    let asker: Asker = { name: address, answer: () => {} }
    const peer = new Peer({
      socket,
      role: ROUTER,
      bounds: { maxMessageBytes, maxParts: MAX_PARTS },
      onReady: (peer) => {
        asker = this.#askerAt(peer, address)
      },
      onMessage: (frames) => {
        this.#heard++
        // Requests wait for their answers, and a view keeps all that it came in.
        this.#parts.onMessage(frames.map(copyOf), asker)
      },
      onClose: (peer) => this.#part(peer),
      onFault: (error) => onFault('hearing', error),
    })
    this.#peers.add(peer)
  }

  #askerAt(peer: Peer, address: string): Asker {
    const identity = peer.identity.toString('latin1')
    if (identity !== '') this.#named.set(identity, peer)
    const asker: Asker = {
      name: nameIn(peer.identity) ?? address,
      answer: (frames) => {
        const taker = peer.isReady ? peer : this.#named.get(identity)
        if (taker === undefined) this.#parts.onLost(asker, 'gone')
        else this.#send(taker, frames)
      },
    }
    return asker
  }

  #send(peer: Peer, frames: readonly Uint8Array[]): void {
    peer.send(frames)
    if (peer.queuedBytes <= MAX_QUEUED_BYTES || peer.isPaused) return
    peer.pause()
    void peer.drained().then(() => peer.resume())
  }

  #part(peer: Peer): void {
    this.#peers.delete(peer)
    const identity = peer.identity.toString('latin1')
    if (this.#named.get(identity) === peer) this.#named.delete(identity)
  }
}

const copyOf = (frame: Buffer) => Buffer.from(frame)
