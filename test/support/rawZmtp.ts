import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/**
 * A peer that speaks just enough ZMTP 3.0 to be taken for a PUB, and then says what no libzmq would: it ignores
 * filters and sends any frames at all.
 */
export interface RawPublisher {
  readonly address: string
  /** How many are connected and have done the handshake. */
  readonly peers: number
  /** Sends one message to everybody; resolves when the kernel takes more. */
  send(...frames: readonly (string | Uint8Array)[]): Promise<void>
  /** Bytes as they are. */
  sendRaw(bytes: Uint8Array): Promise<void>
  /** Ends all connections; new ones are welcome. */
  disconnect(): void
  close(): Promise<void>
}

export interface RawPublisherOptions {
  readonly port?: number
  /** Answers the greeting with an ERROR command, which a client takes for final. */
  readonly refuse?: boolean
}

/** Signature, version 3.0, mechanism NULL, no server. */
const GREETING = Buffer.concat([
  Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]),
  Buffer.from('NULL'.padEnd(20, '\0')),
  Buffer.alloc(32),
])
const GREETING_BYTES = 64
const MORE = 1
const LONG = 2
const COMMAND = 4
const READY = Buffer.concat([short('READY'), property('Socket-Type', 'PUB'), property('Identity', '')])
const ERROR = Buffer.concat([short('ERROR'), short('Go away')])

export async function rawPublisher({ port = 0, refuse = false }: RawPublisherOptions = {}): Promise<RawPublisher> {
  const sockets = new Set<Socket>()
  const ready = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let received = 0
    socket.write(GREETING)
    socket.on('data', (chunk) => {
      if (ready.has(socket)) return
      received += chunk.length
      if (received <= GREETING_BYTES) return
      // Whatever follows the greeting is the client's READY.
      socket.write(frame(refuse ? ERROR : READY, COMMAND))
      if (!refuse) ready.add(socket)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      ready.delete(socket)
    })
  })
  await listen(server, port)

  const sendRaw = async (bytes: Uint8Array) => {
    await Promise.all([...ready].map((socket) => written(socket, bytes)))
  }
  return {
    address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get peers() {
      return ready.size
    },
    sendRaw,
    send: (...frames) => sendRaw(encodeMessage(...frames)),
    disconnect() {
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** One message as it stands on the wire. */
export function encodeMessage(...frames: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(frames.map((part, i) => frame(Buffer.from(part), i < frames.length - 1 ? MORE : 0)))
}

function frame(body: Buffer, flags: number): Buffer {
  if (body.length < 256) return Buffer.concat([Buffer.from([flags, body.length]), body])
  const head = Buffer.alloc(9)
  head[0] = flags | LONG
  head.writeBigUInt64BE(BigInt(body.length), 1)
  return Buffer.concat([head, body])
}

function short(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
}

function property(name: string, value: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(value.length)
  return Buffer.concat([short(name), length, Buffer.from(value)])
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}

function written(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (socket.write(bytes) || socket.destroyed) resolve()
    else {
      const done = () => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    }
  })
}
