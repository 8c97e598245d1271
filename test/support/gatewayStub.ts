import { XSubscriber } from 'zeromq'

/** One message as it came off the wire. */
export interface Heard {
  readonly recipient: string
  readonly header: Record<string, unknown>
  readonly body: string
  readonly frames: readonly Buffer[]
}

/** What a gateway does on a notifier's socket, and nothing else: PROTOCOL.md §1. */
export interface GatewayStub {
  /** Everything but heartbeats, in the order of arrival. */
  readonly heard: readonly Heard[]
  readonly heartbeats: readonly Heard[]
  /** Handshakes so far. */
  readonly handshakes: number
  follow(recipient: string): Promise<void>
  close(): void
}

export async function gatewayStub(address: string, recipients: readonly string[] = []): Promise<GatewayStub> {
  const socket = new XSubscriber({ sendHighWaterMark: 0, linger: 0, reconnectInterval: 20 })
  const heard: Heard[] = []
  const heartbeats: Heard[] = []
  let handshakes = 0
  let sending = Promise.resolve()
  const send = (kind: number, recipient: string) => {
    sending = sending.then(async () => {
      if (!socket.closed) await socket.send(Buffer.from(`${String.fromCharCode(kind)}${recipient}|`))
    })
    return sending
  }
  void watch()
  for (const recipient of ['!heartbeat', ...recipients]) await send(1, recipient)
  socket.connect(address)
  void read()
  return {
    heard,
    heartbeats,
    get handshakes() {
      return handshakes
    },
    follow: (recipient) => send(1, recipient),
    close: () => socket.close(),
  }

  // Not events.on(): zeromq.js ties it to the first test file of a jest worker, and fails in the second.
  async function watch(): Promise<void> {
    for await (const { type } of socket.events) {
      if (type !== 'handshake') continue
      handshakes++
      void send(1, '!ready')
      void send(0, '!ready')
    }
  }

  async function read(): Promise<void> {
    for await (const frames of socket) {
      const one = parse(frames)
      if (one.recipient === '!heartbeat') heartbeats.push(one)
      else heard.push(one)
    }
  }
}

/** Both forms; the short one has no header. */
function parse(frames: readonly Buffer[]): Heard {
  const [first, header, body] = frames.map(String)
  if (first === undefined) throw new Error('a message without frames')
  const bar = first.indexOf('|')
  return {
    recipient: first.slice(0, bar),
    header: header === undefined ? {} : JSON.parse(header),
    body: body ?? first.slice(bar + 1),
    frames,
  }
}
