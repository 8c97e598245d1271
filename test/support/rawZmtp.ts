import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/**
 * A peer that speaks just enough ZMTP 3 to be taken for a PUB, and then says what no libzmq would: it ignores filters
 * and sends any frames at all.
 */
export interface RawPublisher {
  readonly address: string
  /** How many are connected and have done the handshake. */
  readonly peers: number
  /** How many have ever connected. */
  readonly connections: number
  /** What it was told, by all of them: `+42|` and `-42|` as messages, `SUBSCRIBE 42|` and `PING` as commands. */
  readonly told: readonly string[]
  /** All that the latest of them has said. */
  readonly bytes: Buffer
  /** Sends one message to everybody; resolves when the kernel takes more. */
  send(...frames: readonly (string | Uint8Array)[]): Promise<void>
  /** Reads, be it deaf. */
  listen(): void
  /** Bytes as they are. */
  sendRaw(bytes: Uint8Array): Promise<void>
  /** Ends all connections; new ones are welcome. */
  disconnect(): void
  /** The same, without a farewell. */
  reset(): void
  /** Says no more; what it is told it still might read. */
  finish(): void
  close(): Promise<void>
}

export interface RawPublisherOptions {
  readonly port?: number
  /** A Unix socket instead of a port. */
  readonly path?: string | undefined
  /** 3.0 by default. */
  readonly minor?: 0 | 1
  readonly socketType?: string
  /** Answers the greeting with an ERROR command, which a client takes for final. */
  readonly refuse?: boolean
  /** Says this instead of ZMTP's greeting, and shakes no hands. */
  readonly greeting?: Uint8Array
  /** Reads no more once the handshake is done. */
  readonly isDeaf?: boolean
}

const GREETING_BYTES = 64
const MORE = 1
const LONG = 2
const COMMAND = 4

export async function rawPublisher(options: RawPublisherOptions = {}): Promise<RawPublisher> {
  const { port = 0, path, minor = 0, socketType = 'PUB', refuse = false, greeting, isDeaf = false } = options
  const sockets = new Set<Socket>()
  const ready = new Set<Socket>()
  const told: string[] = []
  let connections = 0
  let bytes: Buffer[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    connections++
    bytes = []
    let unread = Buffer.alloc(0)
    let isGreeted = false
    socket.write(greeting ?? greetingOf(minor))
    socket.on('data', (chunk: Buffer) => {
      bytes.push(chunk)
      if (greeting !== undefined) return void ready.add(socket)
      unread = Buffer.concat([unread, chunk])
      if (!isGreeted && unread.length < GREETING_BYTES) return
      if (!isGreeted) unread = unread.subarray(GREETING_BYTES)
      isGreeted = true
      const frames = wholeFrames(unread)
      for (const { flags, body } of frames) {
        if (ready.has(socket)) told.push(wordFor(flags, body))
        else {
          // Whatever follows the greeting is the client's READY.
          socket.write(encodeCommand(refuse ? 'ERROR' : 'READY', refuse ? short('Go away') : propertiesOf(socketType)))
          if (!refuse) ready.add(socket)
          if (isDeaf) socket.pause()
        }
      }
      unread = unread.subarray(frames.at(-1)?.end ?? 0)
    })
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      ready.delete(socket)
    })
  })
  server.listen(path === undefined ? { port, host: '127.0.0.1' } : { path })
  await once(server, 'listening')

  const sendRaw = async (bytes: Uint8Array) => {
    await Promise.all([...ready].map((socket) => written(socket, bytes)))
  }
  return {
    address: path === undefined ? `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` : `ipc://${path}`,
    get peers() {
      return ready.size
    },
    get connections() {
      return connections
    },
    told,
    get bytes() {
      return Buffer.concat(bytes)
    },
    listen() {
      for (const socket of sockets) socket.resume()
    },
    sendRaw,
    send: (...frames) => sendRaw(encodeMessage(...frames)),
    disconnect() {
      for (const socket of sockets) socket.destroy()
    },
    finish() {
      for (const socket of sockets) socket.end()
    },
    reset() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** One message as it stands on the wire. */
export function encodeMessage(...frames: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(frames.map((part, i) => encodeFrame(Buffer.from(part), i < frames.length - 1 ? MORE : 0)))
}

export const encodeCommand = (name: string, data: string | Uint8Array = ''): Buffer =>
  encodeFrame(Buffer.concat([short(name), Buffer.from(data)]), COMMAND)

export function encodeFrame(body: Uint8Array, flags: number): Buffer {
  if (body.length < 256) return Buffer.concat([Buffer.from([flags, body.length]), body])
  return Buffer.concat([longHeader(body.length, flags), body])
}

/** Announces a frame of so many bytes. */
export function longHeader(length: number | bigint, flags = 0): Buffer {
  const head = Buffer.alloc(9)
  head[0] = flags | LONG
  head.writeBigUInt64BE(BigInt(length), 1)
  return head
}

export function propertiesOf(socketType: string, identity: string | Uint8Array = ''): Buffer {
  return Buffer.concat([property('Socket-Type', socketType), property('Identity', identity)])
}

export function property(name: string, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([short(name), length, bytes])
}

/** Signature, version, mechanism, no server. */
export function greetingOf(minor: number, mechanism = 'NULL'): Buffer {
  return Buffer.concat([
    Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, minor]),
    Buffer.from(mechanism.padEnd(20, '\0')),
    Buffer.alloc(32),
  ])
}

/** Not by our own reader, which is what stands on trial. */
function wholeFrames(bytes: Buffer): { flags: number; body: Buffer; end: number }[] {
  const frames = []
  for (let at = 0; at + 2 <= bytes.length; ) {
    const flags = bytes[at] ?? 0
    if ((flags & LONG) !== 0 && at + 9 > bytes.length) break
    const begin = at + ((flags & LONG) !== 0 ? 9 : 2)
    const end = begin + ((flags & LONG) !== 0 ? Number(bytes.readBigUInt64BE(at + 1)) : (bytes[at + 1] ?? 0))
    if (end > bytes.length) break
    frames.push({ flags, body: bytes.subarray(begin, end), end })
    at = end
  }
  return frames
}

function wordFor(flags: number, body: Buffer): string {
  if ((flags & COMMAND) === 0) return `${body[0] === 1 ? '+' : '-'}${body.subarray(1)}`
  const nameEnd = 1 + (body[0] ?? 0)
  const name = `${body.subarray(1, nameEnd)}`
  return /^(SUBSCRIBE|CANCEL)$/.test(name) ? `${name} ${body.subarray(nameEnd)}` : name
}

function short(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
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
