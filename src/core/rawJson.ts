import { GatewayError } from './errors.ts'
import { isPlainlyJson } from './plainJson.ts'

declare const checked: unique symbol
/** UTF-8 bytes that hold exactly one JSON value: checked once, here, then handed on untouched and printed by nobody. */
export type RawJson = Uint8Array & { readonly [checked]: true }

export const MAX_DEPTH = 64
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/**
 * Checks bytes to be one JSON value of at most `maxBytes`, nested at most 64 deep.
 * @throws GatewayError `draft.tooLarge`, `draft.notUtf8`, `draft.tooDeep`, `draft.notJson`
 */
export function checkJson(bytes: Uint8Array, maxBytes: number): RawJson {
  if (bytes.length > maxBytes) throw new GatewayError('draft.tooLarge')
  if (isPlainlyJson(bytes, MAX_DEPTH)) return bytes as RawJson
  const text = decodeUtf8(bytes)
  if (isTooDeep(bytes)) throw new GatewayError('draft.tooDeep')
  if (!isJson(text)) throw new GatewayError('draft.notJson')
  return bytes as RawJson
}

/** The parser's own error quotes the body, which is nobody's business, and the stack that it walks costs more than parsing. */
function isJson(text: string): boolean {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/**
 * Prints plain data as `JSON.stringify` does, and puts RawJson into it as it is: byte for byte, once the text is UTF-8
 * again. Any other bytes have no place in it.
 */
export function printJson(value: unknown): string {
  if (value instanceof Uint8Array) return utf8.decode(value)
  if (Array.isArray(value)) return `[${value.map(printJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${printJson(member)}`).join(',')}}`
}

/** What a request in JSON says. @throws GatewayError `draft.notUtf8`, `draft.tooDeep`, `draft.notJson` */
export function parseJson(bytes: Uint8Array, maxDepth = MAX_DEPTH): unknown {
  const text = decodeUtf8(bytes)
  if (isTooDeep(bytes, maxDepth)) throw new GatewayError('draft.tooDeep')
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, which is nobody's business.
    throw new GatewayError('draft.notJson', { message: 'The request is not one JSON value.' })
  }
}

/** @throws GatewayError `draft.notUtf8` */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new GatewayError('draft.notUtf8')
  }
}

/** Counts brackets outside strings. It need not be right about bytes that are no JSON: the parser speaks after it. */
export function isTooDeep(bytes: Uint8Array, maxDepth = MAX_DEPTH): boolean {
  if (bytes.length <= 2 * maxDepth) return false
  let depth = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inString) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > maxDepth) return true
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
  }
  return false
}
