import { isUtf8 } from 'node:buffer'
import { latin1, type PyLimits } from './pyValue.ts'
import { malformed, overLimit } from './refusals.ts'

/** How pickles write numbers and text. All of it throws GatewayError with the reason MALFORMED or LIMIT. */

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const DECIMAL = /^[+-]?[0-9]+$/
/** Python writes 24 characters or fewer. */
const MAX_FLOAT_LENGTH = 400
// Digits may be split in one way only: `[0-9]+\.?[0-9]*` takes time that grows with the square of a long row of them.
const FLOAT = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?|inf|nan)$/i
const ESCAPE = /\\(?:\n|[\\'"abfnrtv]|[0-7]{1,3}|x[0-9A-Fa-f]{2}|x|$)/g
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** Digits are counted first: turning text into a number takes time that grows with their square. */
export function parseDecimal(text: string, limits: PyLimits): bigint {
  if (!DECIMAL.test(text)) throw malformed('an integer that is none')
  if (text.length > limits.maxIntDigits + 1) throw tooManyDigits(limits)
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
  return withinDigits(value, limits)
}

/** Two's complement, least significant byte first. */
export function parseLittleEndian(bytes: Uint8Array, limits: PyLimits): bigint {
  // A byte makes at most 2.41 digits; what is longer than this has too many for sure.
  if (bytes.length > limits.maxIntDigits / 2) throw tooManyDigits(limits)
  if (bytes.length === 0) return 0n
  const hex = Buffer.from(bytes).reverse().toString('hex')
  return withinDigits(BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`)), limits)
}

export function parseFloatText(text: string): number {
  if (text.length > MAX_FLOAT_LENGTH) throw overLimit(`a float of more than ${MAX_FLOAT_LENGTH} characters`)
  if (!FLOAT.test(text)) throw malformed('a float that is none')
  const number = text.toLowerCase().replace('inf', 'Infinity')
  return Number(number)
}

/** UTF-8 in which Python also lets lone surrogates stand. */
export function parseUtf8(bytes: Uint8Array): string {
  // Asked first: a decoder that throws for each of a hundred thousand texts costs a second.
  return isUtf8(bytes) ? utf8.decode(bytes) : parseWithSurrogates(bytes)
}

/** `UNICODE`: latin-1 bytes with `\uXXXX` and `\UXXXXXXXX`; any other backslash takes the next character with it. */
export function parseRawUnicodeEscape(line: Uint8Array): string {
  return latin1(line).replace(
    /\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|[\s\S])/g,
    (all, short?: string, long?: string) => {
      const hex = short ?? long
      if (hex === undefined) {
        if (all === '\\u' || all === '\\U') throw malformed('a cut escape in a text')
        return all
      }
      const code = Number.parseInt(hex, 16)
      if (code > 0x10ffff) throw malformed('an escape beyond Unicode')
      return String.fromCodePoint(code)
    },
  )
}

/**
 * `STRING`: what Python 2's `repr` printed, quotes and all. A quote that is not escaped inside is refused: whoever
 * wrote that hoped for a reader that evaluates.
 */
export function parseQuoted(line: Uint8Array): Uint8Array {
  const text = latin1(line)
  const quote = text.charAt(0)
  if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote)) throw malformed('a string unquoted')
  const inner = text.slice(1, -1)
  const unescaped = inner.replace(ESCAPE, (all) => {
    const sequence = all.slice(1)
    const simple = SIMPLE_ESCAPES[sequence]
    if (simple !== undefined) return simple === quote ? '\u0100' : simple
    if (sequence === '' || sequence === 'x') throw malformed('a cut escape in a string')
    const code = sequence.startsWith('x') ? Number.parseInt(sequence.slice(1), 16) : Number.parseInt(sequence, 8)
    return escapedCharacter(code & 0xff, quote)
  })
  if (unescaped.includes(quote)) throw malformed('a quote inside a string')
  return Buffer.from(unescaped.replaceAll('\u0100', quote), 'latin1')
}

/** An escaped quote is held as a character that no byte makes, until the naked ones have been looked for. */
const escapedCharacter = (code: number, quote: string) =>
  code === quote.charCodeAt(0) ? '\u0100' : String.fromCharCode(code)

function parseWithSurrogates(bytes: Uint8Array): string {
  let text = ''
  let from = 0
  const decode = (to: number) => {
    if (from === to) return
    const piece = bytes.subarray(from, to)
    if (!isUtf8(piece)) throw malformed('text that is no UTF-8')
    text += utf8.decode(piece)
  }
  for (let at = 0; at + 2 < bytes.length; at++) {
    const [lead, second, third] = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0]
    if (lead !== 0xed || second < 0xa0 || second > 0xbf || third < 0x80 || third > 0xbf) continue
    decode(at)
    text += String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f))
    at += 2
    from = at + 1
  }
  decode(bytes.length)
  return text
}

function withinDigits(value: bigint, limits: PyLimits): bigint {
  // Printing, to count them, takes time that grows with their square. In practice all of them are short.
  if (value > -BIG && value < BIG) return value
  const beyond = 10n ** BigInt(limits.maxIntDigits)
  if (value <= -beyond || value >= beyond) throw tooManyDigits(limits)
  return value
}

const BIG = 1n << 128n
const tooManyDigits = (limits: PyLimits) => overLimit(`an integer of more than ${limits.maxIntDigits} digits`)
