/**
 * Is it one JSON value (RFC 8259) in UTF-8, nested at most so deep? Says so without making a string or objects of it, up
 * to four times as quickly as a parser. False may also be said of what it does not see through: then ask the parser.
 */
export function isPlainlyJson(bytes: Uint8Array, maxDepth: number): boolean {
  const end = bytes.length
  let depth = 0
  let expected = VALUE
  let at = 0
  while (at < end) {
    const byte = bytes[at] as number
    at++
    if (byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB) continue
    if (expected === COMMA_OR_END) {
      if (depth === 0) return false
      if (byte === COMMA) expected = IN_OBJECT[depth] === 1 ? KEY : VALUE
      else if (byte === (IN_OBJECT[depth] === 1 ? CLOSE_BRACE : CLOSE_BRACKET)) depth--
      else return false
    } else if (expected === COLON) {
      if (byte !== COLON_SIGN) return false
      expected = VALUE
    } else if (byte === QUOTE) {
      const stop = Math.min(end, at + LONG)
      for (;;) {
        while (at < stop && KINDS[bytes[at] as number] === PLAIN) at++
        if (at >= stop) return false
        const kind = KINDS[bytes[at] as number]
        at++
        if (kind === END_OF_STRING) break
        if (kind === ESCAPE) at = afterEscape(bytes, at)
        else at = kind === HIGH ? afterHigh(bytes, at) : 0
        if (at === 0) return false
      }
      expected = expected >= KEY ? COLON : COMMA_OR_END
    } else if (expected >= KEY) {
      if (expected !== KEY_OR_END || byte !== CLOSE_BRACE) return false
      depth--
      expected = COMMA_OR_END
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth === maxDepth || depth === MAX_DEPTH) return false
      depth++
      IN_OBJECT[depth] = byte === OPEN_BRACE ? 1 : 0
      expected = byte === OPEN_BRACE ? KEY_OR_END : VALUE_OR_END
    } else if (byte === CLOSE_BRACKET) {
      if (expected !== VALUE_OR_END) return false
      depth--
      expected = COMMA_OR_END
    } else {
      at = byte === MINUS || isDigit(byte) ? afterNumber(bytes, at - 1) : afterWord(bytes, at - 1)
      if (at === 0) return false
      expected = COMMA_OR_END
    }
  }
  return depth === 0 && expected === COMMA_OR_END
}

const VALUE = 0
const VALUE_OR_END = 1
const COMMA_OR_END = 2
const COLON = 3
const KEY = 4
const KEY_OR_END = 5

const MAX_DEPTH = 64
/** Of the containers that are open, by depth: 1 for an object. One scan at a time uses it. */
const IN_OBJECT = new Uint8Array(MAX_DEPTH + 1)

const TAB = 0x09
const LINE_FEED = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON_SIGN = 0x3a
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const LETTER_E = 0x65
const LETTER_U = 0x75
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
/** A parser leaps through long strings. */
const LONG = 512
const PLAIN = 0
const END_OF_STRING = 1
const ESCAPE = 2
const HIGH = 3
const CONTROL = 4
/** What a byte means in a string. */
const KINDS = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === QUOTE) return END_OF_STRING
  if (byte === BACKSLASH) return ESCAPE
  if (byte < SPACE) return CONTROL
  return byte < 0x80 ? PLAIN : HIGH
})
const LOWER_CASE = 0x20
const ESCAPES = new Set(Array.from('"\\/bfnrt', (character) => character.charCodeAt(0)))
const WORDS = ['true', 'false', 'null'].map((word) => Array.from(word, (character) => character.charCodeAt(0)))

const isDigit = (byte: number | undefined) => byte !== undefined && byte >= ZERO && byte <= NINE
/** After these first bytes not every byte may follow: it would be overlong, a surrogate, or beyond U+10FFFF. */
const SECOND: ReadonlyMap<number, readonly [number, number]> = new Map([
  [0xe0, [0xa0, 0xbf]],
  [0xed, [0x80, 0x9f]],
  [0xf0, [0x90, 0xbf]],
  [0xf4, [0x80, 0x8f]],
])
const ANY_SECOND = [0x80, 0xbf] as const
/** The other case of a letter is one bit away. */
const isHex = (byte: number | undefined) =>
  isDigit(byte) || (byte !== undefined && (byte | LOWER_CASE) >= 0x61 && (byte | LOWER_CASE) <= 0x66)

/** These say where it ends; 0: it is none. `at`: behind the backslash. */
function afterEscape(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) return 0
  if (ESCAPES.has(byte)) return at + 1
  if (byte !== LETTER_U) return 0
  for (let i = at + 1; i <= at + 4; i++) if (!isHex(bytes[i])) return 0
  return at + 5
}

/** UTF-8 (RFC 3629, section 4). `at`: behind the first byte. */
function afterHigh(bytes: Uint8Array, at: number): number {
  const first = bytes[at - 1] as number
  const second = bytes[at] ?? 0
  if (first >= 0xc2 && first < 0xe0) return (second & 0xc0) === 0x80 ? at + 1 : 0
  const [least, most] = SECOND.get(first) ?? ANY_SECOND
  if (first < 0xe0 || first > 0xf4 || second < least || second > most) return 0
  const end = at + (first < 0xf0 ? 2 : 3)
  for (let i = at + 1; i < end; i++) if (((bytes[i] ?? 0) & 0xc0) !== 0x80) return 0
  return end
}

function afterNumber(bytes: Uint8Array, from: number): number {
  const first = bytes[from] === MINUS ? from + 1 : from
  const whole = bytes[first] === ZERO ? first + 1 : afterDigits(bytes, first)
  if (whole === 0) return 0
  const fraction = bytes[whole] === DOT ? afterDigits(bytes, whole + 1) : whole
  if (fraction === 0 || ((bytes[fraction] ?? 0) | LOWER_CASE) !== LETTER_E) return fraction
  const sign = bytes[fraction + 1]
  return afterDigits(bytes, sign === PLUS || sign === MINUS ? fraction + 2 : fraction + 1)
}

/** One at least. */
function afterDigits(bytes: Uint8Array, from: number): number {
  let at = from
  while (isDigit(bytes[at])) at++
  return at === from ? 0 : at
}

function afterWord(bytes: Uint8Array, from: number): number {
  for (const word of WORDS) if (word.every((byte, i) => bytes[from + i] === byte)) return from + word.length
  return 0
}
