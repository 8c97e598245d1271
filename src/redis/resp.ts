/**
 * RESP 2, in which Redis is spoken to: https://redis.io/docs/latest/develop/reference/protocol-spec/. A command is an
 * array of bulk strings.
 */

/** `string`: a status, such as OK. `null`: there is none. */
export type Reply = string | number | Buffer | ReplyError | null | readonly Reply[]

/** What Redis says instead of an answer; its message begins with the kind of error: `NOSCRIPT …`. */
export class ReplyError extends Error {}

/** Of one UTF-16 unit. */
const MAX_UTF8_BYTES = 3
const CHUNK_BYTES = 65_536
const NOTHING = Buffer.alloc(0)

/** How an argument begins. Most are short, and to make these texts again and again would take longer than all the rest. */
const LENGTHS = Array.from({ length: 1_024 }, (_, bytes) => `\r\n$${bytes}\r\n`)
export const printLength = (bytes: number): string => LENGTHS[bytes] ?? `\r\n$${bytes}\r\n`

/** A command is a count, its arguments, the name among them, and `END`: each argument ends the line before it. */
export const printCount = (args: number): string => `*${args}`
export const printArgument = (text: string): string => `${printLength(Buffer.byteLength(text))}${text}`
/** Of what is known to be ASCII. */
export const printAscii = (text: string): string => `${printLength(text.length)}${text}`
export const printArguments = (args: readonly (string | number)[]): string =>
  args.map((arg) => printArgument(`${arg}`)).join('')
export const END = '\r\n'
export const printCommand = (args: readonly string[]): string =>
  `${printCount(args.length)}${printArguments(args)}${END}`

/** What is to be sent, as bytes: what was taken is not written over. */
export class Outgoing {
  #text = ''
  #chunk = NOTHING
  /** In the chunk: what was taken, and what is written. */
  #taken = 0
  #at = 0
  readonly #chunks: Buffer[] = []

  text(text: string): void {
    this.#text += text
  }

  bytes(bytes: Uint8Array): void {
    this.#encode()
    this.#makeRoom(bytes.length)
    this.#chunk.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** What has come since it was last taken. */
  take(): Buffer[] {
    this.#encode()
    this.#cut()
    return this.#chunks.splice(0)
  }

  #encode(): void {
    const text = this.#text
    if (text === '') return
    this.#text = ''
    this.#makeRoom(MAX_UTF8_BYTES * text.length)
    this.#at += this.#chunk.write(text, this.#at)
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#chunk.length - this.#at) return
    this.#cut()
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes))
    this.#taken = 0
    this.#at = 0
  }

  #cut(): void {
    if (this.#at > this.#taken) this.#chunks.push(this.#chunk.subarray(this.#taken, this.#at))
    this.#taken = this.#at
  }
}

/** Of one reply, with everything in it: what an inbox may answer stays below, by the bound of `limits.queuedBytes`. */
const MAX_REPLY_BYTES = 1_073_741_824
const MAX_LINE_BYTES = 65_536
const MAX_DIGITS = 19
const MAX_DEPTH = 8

const CR = 0x0d
const LF = 0x0a
const ARRAY = 0x2a
const BULK = 0x24
const ERROR = 0x2d
const INTEGER = 0x3a
const STATUS = 0x2b
const MINUS = 0x2d
const ZERO = 0x30
const INCOMPLETE = -1

interface OpenArray {
  readonly items: Reply[]
  readonly count: number
}

/** Reads replies from bytes that arrive in any pieces. The bytes of a bulk may be part of such a piece, and keep it. */
export class ReplyReader {
  readonly #hear: (reply: Reply) => void
  /** What has arrived of an element that is not whole yet, and how many bytes that takes at least. */
  #pieces: Buffer[] = []
  #arrived = 0
  #needed = 0
  /** Arrays that are not whole yet, the outermost first. */
  readonly #open: OpenArray[] = []
  /** Of the reply that is being read. */
  #bytes = 0

  constructor(hear: (reply: Reply) => void) {
    this.#hear = hear
  }

  /** @throws Error on what is no reply, or too large: nothing after it can be understood. */
  read(piece: Buffer): void {
    const bytes = this.#joined(piece)
    if (bytes === undefined) return
    let at = 0
    while (at < bytes.length) {
      const end = this.#element(bytes, at)
      if (end === INCOMPLETE) {
        this.#wait(bytes.subarray(at))
        return
      }
      this.#count(end - at)
      at = end
    }
  }

  #count(bytes: number): void {
    this.#bytes = this.#open.length === 0 ? 0 : this.#bytes + bytes
    if (this.#bytes > MAX_REPLY_BYTES) throw new Error('Redis answers too much')
  }

  #joined(piece: Buffer): Buffer | undefined {
    if (this.#arrived === 0) return piece
    this.#pieces.push(piece)
    this.#arrived += piece.length
    if (this.#arrived < this.#needed) return undefined
    const bytes = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#arrived = 0
    return bytes
  }

  #wait(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#arrived = bytes.length
  }

  /** Where the element that begins here ends. */
  #element(bytes: Buffer, at: number): number {
    const kind = bytes[at]
    if (kind === STATUS || kind === ERROR) return this.#line(kind, bytes, at)
    if (kind !== INTEGER && kind !== BULK && kind !== ARRAY) throw new Error('Redis answers what is no RESP')
    const isNegative = bytes[at + 1] === MINUS
    let i = isNegative ? at + 2 : at + 1
    let number = 0
    for (const end = i + MAX_DIGITS; i < end; i++) {
      const digit = (bytes[i] ?? CR) - ZERO
      if (digit < 0 || digit > 9) break
      number = number * 10 + digit
    }
    if (i + 1 >= bytes.length) return this.#incomplete(bytes.length - at + 1)
    if (bytes[i] !== CR || bytes[i + 1] !== LF) throw new Error('Redis answers a number that is none')
    const end = i + 2
    if (kind === INTEGER) return this.#took(isNegative ? -number : number, end)
    if (isNegative) return this.#took(null, end)
    return kind === BULK ? this.#bulk(bytes, at, end, number) : this.#array(number, end)
  }

  #line(kind: number, bytes: Buffer, at: number): number {
    const end = bytes.indexOf('\r\n', at, 'latin1')
    if ((end === -1 ? bytes.length : end) - at > MAX_LINE_BYTES) throw new Error('Redis answers too long a line')
    if (end === -1) return this.#incomplete(bytes.length - at + 1)
    const text = bytes.toString('utf8', at + 1, end)
    return this.#took(kind === STATUS ? text : new ReplyError(text), end + 2)
  }

  #bulk(bytes: Buffer, at: number, start: number, length: number): number {
    if (this.#bytes + length > MAX_REPLY_BYTES) throw new Error('Redis answers too much')
    const end = start + length
    if (end + 2 > bytes.length) return this.#incomplete(end + 2 - at)
    if (bytes[end] !== CR || bytes[end + 1] !== LF) throw new Error('Redis answers a text of another length')
    return this.#took(bytes.subarray(start, end), end + 2)
  }

  #array(count: number, end: number): number {
    if (count === 0) return this.#took([], end)
    if (this.#open.length === MAX_DEPTH) throw new Error('Redis answers too deep')
    this.#open.push({ items: [], count })
    return end
  }

  #took(reply: Reply, end: number): number {
    let whole = reply
    for (let open = this.#open.at(-1); open !== undefined; open = this.#open.at(-1)) {
      open.items.push(whole)
      if (open.items.length < open.count) return end
      whole = open.items
      this.#open.pop()
    }
    this.#hear(whole)
    return end
  }

  #incomplete(needed: number): number {
    this.#needed = needed
    return INCOMPLETE
  }
}
