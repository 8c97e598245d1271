import { ZmtpError } from './zmtpError.ts'

/** What may come from a peer. Looked at before anything is allocated. */
export interface Bounds {
  /** All parts of a message together. */
  readonly maxMessageBytes: number
  readonly maxParts: number
}

export interface FrameHandlers {
  /** The parts are views of what was read: who keeps one keeps all of that. */
  message(parts: readonly Buffer[]): void
  /** Name and data, as they stand on the wire. */
  command(body: Buffer): void
}

const MORE = 1
const LONG = 2
const COMMAND = 4
const RESERVED = ~(MORE | LONG | COMMAND)
const SHORT_HEADER = 2
const LONG_HEADER = 9
const MAX_SHORT = 255
const MIN_HOLD = 512
const NOTHING = Buffer.alloc(0)

/** Takes ZMTP 3's frames off a stream of bytes (RFC 37, "Framing"). What came whole is not copied. */
export class FrameReader {
  readonly #bounds: Bounds
  readonly #handlers: FrameHandlers
  /** The beginning of a frame whose end has not come yet. */
  #held: Buffer = NOTHING
  #heldBytes = 0
  #parts: Buffer[] = []
  /** So many of them keep nothing but themselves. */
  #ownParts = 0
  #messageBytes = 0
  #stopped = false

  constructor(bounds: Bounds, handlers: FrameHandlers) {
    this.#bounds = bounds
    this.#handlers = handlers
  }

  /** @throws ZmtpError what comes after it makes no sense any more */
  read(chunk: Buffer): void {
    let at = this.#heldBytes === 0 ? 0 : this.#complete(chunk)
    while (at < chunk.length && !this.#stopped) {
      const end = at + this.#lengthAt(chunk, at, chunk.length)
      if (end > chunk.length) this.#hold(chunk, at, chunk.length)
      else this.#take(chunk, at, end)
      at = end
    }
    if (this.#parts.length > this.#ownParts) this.#own(chunk)
  }

  /** Nothing is handed over any more, not even what has been read already. */
  stop(): void {
    this.#stopped = true
    this.#held = NOTHING
    this.#heldBytes = 0
    this.#parts = []
  }

  /** Adds to what is held until that frame is whole. Returns where the next one begins. */
  #complete(chunk: Buffer): number {
    let at = 0
    while (!this.#stopped) {
      const missing = this.#lengthAt(this.#held, 0, this.#heldBytes) - this.#heldBytes
      if (missing === 0) break
      const end = Math.min(at + missing, chunk.length)
      if (end === at) return at
      this.#hold(chunk, at, end)
      at = end
    }
    const [frame, length] = [this.#held, this.#heldBytes]
    this.#held = NOTHING
    this.#heldBytes = 0
    if (!this.#stopped) this.#take(frame, 0, length)
    return at
  }

  /** Grows with what has come, not with what was announced. */
  #hold(chunk: Buffer, from: number, to: number): void {
    const bytes = this.#heldBytes + to - from
    if (bytes > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#held.length, MIN_HOLD))
      this.#held.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    chunk.copy(this.#held, this.#heldBytes, from, to)
    this.#heldBytes = bytes
  }

  /** What a message begins with waits for its end alone, without all else that came in the same chunk. */
  #own(chunk: Buffer): void {
    for (; this.#ownParts < this.#parts.length; this.#ownParts++) {
      const part = this.#parts[this.#ownParts] as Buffer
      if (part.buffer === chunk.buffer) this.#parts[this.#ownParts] = copyOf(part)
    }
  }

  /** As long as the frame that begins there is at least, its header included. @throws ZmtpError */
  #lengthAt(bytes: Buffer, at: number, end: number): number {
    const known = end - at
    if (known < SHORT_HEADER) return SHORT_HEADER
    const flags = bytes[at] as number
    if ((flags & RESERVED) !== 0) throw new ZmtpError('a frame has reserved flags')
    if ((flags & LONG) === 0) return SHORT_HEADER + (bytes[at + 1] as number)
    if (known < LONG_HEADER) return LONG_HEADER
    const length = bytes.readUInt32BE(at + 1) * 2 ** 32 + bytes.readUInt32BE(at + 5)
    if (length > this.#bounds.maxMessageBytes) throw new ZmtpError('it sends more bytes than may be')
    return LONG_HEADER + length
  }

  #take(bytes: Buffer, at: number, end: number): void {
    const flags = bytes[at] as number
    const body = bytes.subarray(at + ((flags & LONG) === 0 ? SHORT_HEADER : LONG_HEADER), end)
    if ((flags & COMMAND) !== 0) {
      if ((flags & MORE) !== 0) throw new ZmtpError('a command has a second part')
      this.#handlers.command(body)
      return
    }
    if ((flags & MORE) === 0 && this.#parts.length === 0) {
      this.#handlers.message([body])
      return
    }
    this.#messageBytes += body.length
    if (this.#messageBytes > this.#bounds.maxMessageBytes) throw new ZmtpError('it sends more bytes than may be')
    if (this.#parts.push(body) > this.#bounds.maxParts) throw new ZmtpError('it sends more parts than may be')
    if ((flags & MORE) !== 0) return
    const parts = this.#parts
    this.#parts = []
    this.#ownParts = 0
    this.#messageBytes = 0
    this.#handlers.message(parts)
  }
}

/** A message of these parts, as it stands on the wire. */
export function messageOf(parts: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of parts) length += headerLength(part.length) + part.length
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as Uint8Array
    at = writeHeader(bytes, at, i < parts.length - 1 ? MORE : 0, part.length)
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** A command, as it stands on the wire. */
export function commandOf(name: string, data: Uint8Array = NOTHING): Buffer {
  const length = 1 + name.length + data.length
  const bytes = Buffer.allocUnsafe(headerLength(length) + length)
  let at = writeHeader(bytes, 0, COMMAND, length)
  bytes[at++] = name.length
  at += bytes.write(name, at, 'latin1')
  bytes.set(data, at)
  return bytes
}

/** Not from Node's pool, of which it would keep eight kilobytes. */
function copyOf(part: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(part.length)
  part.copy(copy)
  return copy
}

const headerLength = (length: number) => (length > MAX_SHORT ? LONG_HEADER : SHORT_HEADER)

function writeHeader(bytes: Buffer, at: number, flags: number, length: number): number {
  if (length <= MAX_SHORT) {
    bytes[at] = flags
    bytes[at + 1] = length
    return at + SHORT_HEADER
  }
  bytes[at] = flags | LONG
  bytes.writeUInt32BE(0, at + 1)
  bytes.writeUInt32BE(length, at + 5)
  return at + LONG_HEADER
}
