import { isUtf8 } from 'node:buffer'
import { malformed, overLimit } from './refusals.ts'

/**
 * Python's plain data, each value with its type: what a session holds, whether it was pickled or written as JSON.
 * Nothing in it is ever a JavaScript object with keys from outside.
 */
export type PyValue =
  | { readonly t: 'none' }
  | { readonly t: 'bool'; readonly v: boolean }
  | { readonly t: 'int'; readonly v: bigint }
  | { readonly t: 'float'; readonly v: number }
  | { readonly t: 'str'; readonly v: string }
  /** `str8` is a Python 2 `str`: bytes that were meant as text. */
  | { readonly t: 'str8' | 'bytes' | 'bytearray'; readonly v: Uint8Array }
  | { readonly t: 'list' | 'tuple' | 'set' | 'frozenset'; readonly v: PyValue[] }
  | PyDict
  /** As Python's `isoformat()` or `str()` prints them; `timezone` as `+02:00`. */
  | { readonly t: 'datetime' | 'date' | 'time' | 'timezone' | 'decimal' | 'uuid'; readonly v: string }
  /** Days, seconds, microseconds. */
  | { readonly t: 'timedelta'; readonly v: readonly [number, number, number] }

export interface PyDict {
  readonly t: 'dict'
  /** By the key's identity, see `setEntry`. */
  readonly v: Map<unknown, readonly [PyValue, PyValue]>
}

export interface PyLimits {
  readonly maxBytes: number
  readonly maxDepth: number
  /** Values in all, where a shared one counts each time it is met. */
  readonly maxNodes: number
  readonly maxIntDigits: number
}

export const PY_LIMITS: PyLimits = { maxBytes: 1_048_576, maxDepth: 64, maxNodes: 100_000, maxIntDigits: 4300 }

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const MUTABLE = new Set(['list', 'dict', 'set', 'bytearray'])

/** Sets an entry as Python does: `1`, `1.0` and `True` are one key, and what was set last counts. */
export function setEntry(dict: PyDict, key: PyValue, value: PyValue): void {
  dict.v.set(identity(key), [key, value])
}

/** The value at a text key, be it `str` or Python 2's `str`; undefined when there is none. */
export function entryAt(dict: PyDict, key: string): PyValue | undefined {
  const entry = dict.v.get(key)
  if (entry !== undefined) return entry[1]
  for (const [candidate, value] of dict.v.values()) {
    if (candidate.t === 'str8' && pyText(candidate.v) === key) return value
  }
  return undefined
}

/** Bytes meant as text: UTF-8 where they are that, else latin-1, which always fits. */
export function pyText(bytes: Uint8Array): string {
  return isUtf8(bytes) ? utf8.decode(bytes) : latin1(bytes)
}

export const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')

/**
 * Walks a value as whoever uses it would, so that a small graph with many references costs what it weighs, and a cycle
 * ends at the depth. @throws GatewayError with the reason LIMIT or MALFORMED
 */
export function checkBounds(root: PyValue, limits: PyLimits): void {
  let nodes = 0
  const visit = (value: PyValue, depth: number, hashed: boolean): void => {
    if (++nodes > limits.maxNodes) throw overLimit(`more than ${limits.maxNodes} values`)
    if (hashed && MUTABLE.has(value.t)) throw malformed(`a ${value.t} as a key or in a set`)
    if (value.t === 'dict') {
      if (depth === limits.maxDepth) throw tooDeep(limits)
      for (const [key, held] of value.v.values()) {
        visit(key, depth + 1, true)
        visit(held, depth + 1, false)
      }
    } else if (value.t === 'list' || value.t === 'tuple' || value.t === 'set' || value.t === 'frozenset') {
      if (depth === limits.maxDepth) throw tooDeep(limits)
      const hashes = hashed || value.t === 'set' || value.t === 'frozenset'
      for (const item of value.v) visit(item, depth + 1, hashes)
    }
  }
  visit(root, 0, false)
}

const tooDeep = (limits: PyLimits) => overLimit(`nested deeper than ${limits.maxDepth}`)

/**
 * Numbers and text are one key when they are equal; a number is written as text, because a Map's hash of numbers can be
 * foreseen and so be made to collide. Anything else is a key of its own: real dictionaries hold no equal keys twice,
 * and comparing tuples that share parts could take for ever.
 */
function identity(key: PyValue): unknown {
  switch (key.t) {
    case 'none':
      return null
    case 'bool':
      return key.v ? `${NUMBER}1` : `${NUMBER}0`
    case 'float':
      return Number.isSafeInteger(key.v) ? `${NUMBER}${key.v}` : key
    case 'int':
      return key.v >= -SAFE && key.v <= SAFE ? `${NUMBER}${key.v}` : key
    case 'str':
      return key.v.startsWith(NUMBER) ? key : key.v
    default:
      return key
  }
}

const NUMBER = '\0'
const SAFE = BigInt(Number.MAX_SAFE_INTEGER)
