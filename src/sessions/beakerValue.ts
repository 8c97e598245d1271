import { inflateSync } from 'node:zlib'
import { sessionRefused } from '../core/errors.ts'
import { readPickle } from './pickle.ts'
import { readJson } from './pyJson.ts'
import { latin1, PY_LIMITS, type PyDict, type PyValue } from './pyValue.ts'
import { malformed } from './refusals.ts'

const OPEN_BRACE = 0x7b
const QUOTE = 0x22
const ZLIB = 0x78
const PICKLE_2 = 0x80
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** An encrypted session begins with a nonce of 24 characters. */
const NONCE_LENGTH = 24

/**
 * The session in what Beaker stored, whichever version and serializer wrote it; a store is mixed during an upgrade.
 * Until 1.11 a pickled dictionary; since 1.12 a text of base64 in which there is a pickle, or JSON compressed by zlib;
 * in beaker_extensions either of the two as JSON.
 * @throws GatewayError with the reason UNSAFE, LIMIT, MALFORMED or UNSUPPORTED
 */
export function readBeakerValue(bytes: Uint8Array): PyDict {
  const outer = isJson(bytes) ? readJson(bytes) : readPickle(bytes)
  const session = outer.t === 'dict' ? outer : readInner(textOf(outer))
  if (session.t !== 'dict') throw malformed('a session that is no dictionary')
  return session
}

/** No pickle begins like that: neither byte is an opcode. */
const isJson = (bytes: Uint8Array) => bytes[0] === OPEN_BRACE || bytes[0] === QUOTE

function textOf(value: PyValue): string {
  if (value.t === 'str') return value.v
  if (value.t === 'str8' || value.t === 'bytes') return latin1(value.v)
  throw malformed('a session that is neither a dictionary nor text')
}

function readInner(text: string): PyValue {
  if (!BASE64.test(text)) throw malformed('a session that is no base64')
  const bytes = Buffer.from(text, 'base64')
  if (bytes[0] === ZLIB) return readJson(inflate(bytes))
  if (bytes[0] === PICKLE_2 || text.length < NONCE_LENGTH || isText(bytes)) return readPickle(bytes)
  throw sessionRefused('UNSUPPORTED', 'a session that seems to be encrypted')
}

function inflate(bytes: Uint8Array): Uint8Array {
  try {
    return inflateSync(bytes, { maxOutputLength: PY_LIMITS.maxBytes })
  } catch (cause) {
    const isTooLarge =
      typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE'
    throw sessionRefused(isTooLarge ? 'LIMIT' : 'MALFORMED', cause)
  }
}

/** Pickles of protocol 0 are text; what is encrypted is not likely to begin like it. */
const isText = (bytes: Uint8Array) => /^[\t\n\r -~]*$/.test(latin1(bytes.subarray(0, 8)))
