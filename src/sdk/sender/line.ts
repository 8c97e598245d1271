import { Dealer } from 'zeromq'
import { context } from '../notifier/context.ts'
import { isIpv6 } from '../notifier/options.ts'

/** A connection to one gateway's ingest. */
export interface Line {
  /** One at a time. Resolves when the socket has it, which says nothing; rejects when it takes nothing in time. */
  send(frames: readonly Uint8Array[]): Promise<void>
  close(): void
}

export interface Ears {
  heard(frame: Uint8Array | undefined): void
  /** Nobody is there, or nobody any more: what was sent and not answered may have arrived or not. */
  lost(): void
}

/** A thousand recipients of two hundred bytes, percent-encoded, each with its position. */
const MAX_ANSWER_BYTES = 4_194_304
const SOCKET_OPTIONS = {
  // Nothing is handed to a connection that does not stand, and nothing outlives the socket: the spool has it all.
  immediate: true,
  linger: 0,
  sendHighWaterMark: 1000,
  receiveHighWaterMark: 10_000,
  heartbeatInterval: 2000,
  heartbeatTimeout: 6000,
  heartbeatTimeToLive: 6000,
  handshakeInterval: 5000,
  maxMessageSize: MAX_ANSWER_BYTES,
} as const

export function openLine(address: string, timeoutMs: number, ears: Ears): Line {
  const socket = new Dealer({ context: context(), ipv6: isIpv6(address), sendTimeout: timeoutMs, ...SOCKET_OPTIONS })
  void watch(socket, ears)
  socket.connect(address)
  void listen(socket, ears)
  return {
    send: (frames) => socket.send([...frames]),
    close: () => socket.close(),
  }
}

async function listen(socket: Dealer, ears: Ears): Promise<void> {
  for await (const frames of socket) ears.heard(frames.at(-1))
}

async function watch(socket: Dealer, ears: Ears): Promise<void> {
  for await (const { type } of socket.events) if (type === 'disconnect' || type === 'connect:retry') ears.lost()
}
