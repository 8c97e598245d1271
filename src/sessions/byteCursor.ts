import { malformed } from './refusals.ts'

const NEWLINE = 0x0a

/**
 * Reads forward through bytes, little-endian as pickles are. Past the end is MALFORMED, whatever length was asked for.
 */
export class ByteCursor {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The next bytes, not copied. */
  take(length: number): Uint8Array {
    const from = this.#advance(length)
    return this.#bytes.subarray(from, this.#at)
  }

  /** Up to the next newline, which is taken too and left out. */
  line(): Uint8Array {
    const end = this.#bytes.indexOf(NEWLINE, this.#at)
    if (end === -1) throw malformed('a line that is cut')
    const line = this.#bytes.subarray(this.#at, end)
    this.#at = end + 1
    return line
  }

  /** So many bytes must still follow. */
  expect(length: number): void {
    if (length > this.#bytes.length - this.#at) throw malformed('a frame longer than what follows')
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true)
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), true)
  }

  u64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true))
  }

  /** The one number that pickles write with its most significant byte first. */
  f64(): number {
    return this.#view.getFloat64(this.#advance(8), false)
  }

  #advance(length: number): number {
    const from = this.#at
    if (length < 0 || length > this.#bytes.length - from) throw malformed('the end is missing')
    this.#at += length
    return from
  }
}
