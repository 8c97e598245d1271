import { MAX_ID_LENGTH, MAX_RECIPIENTS, type Submission } from './draft.ts'
import { asGatewayError, GatewayError } from './errors.ts'
import type { Position } from './notification.ts'
import type { Receipt } from './ports.ts'
import { MAX_DEPTH, parseJson } from './rawJson.ts'

/** What a sender's request says, with the id that it gave, as far as it can be read; or why nothing can be made of it. */
export type Request = { readonly ok: true; readonly id: string | undefined; readonly submission: Submission } | Refusal
export type Refusal = Extract<Receipt, { readonly ok: false }>
type Envelope = Readonly<Record<string, unknown>>

/** A recipient's 200 bytes may all be percent-encoded; quotes and a comma around them. */
const ENVELOPE_BYTES = MAX_RECIPIENTS * 604 + 8192
/** Printers that escape all but ASCII write three bytes of UTF-8 or fewer as six. */
const ESCAPING = 3
const HEADER_KEYS = ['recipient', 'source', 'id', 'type', 'ttl', 'collapse', 'keep', 'v']
const KEYS: ReadonlySet<string> = new Set([...HEADER_KEYS, 'notification'])
const KEYS_BESIDE_BODY: ReadonlySet<string> = new Set(HEADER_KEYS)
const utf8 = new TextEncoder()
const NOWHERE: ReadonlyMap<string, Position> = new Map()

/** The largest request that can be in order, where a body has at most so many bytes. */
export const maxRequestBytes = (maxBytes: number) => ESCAPING * maxBytes + ENVELOPE_BYTES

/**
 * Reads PROTOCOL.md §2's request: one JSON object, whose notification is parsed and printed again, or the object and
 * `body`, which goes on byte for byte. Judges neither recipients nor body. Never throws: what is wrong is one of the
 * `draft.…` codes.
 */
export function readRequest(bytes: Uint8Array, body?: Uint8Array): Request {
  let id: string | undefined
  try {
    const envelope = parseEnvelope(bytes)
    id = senderId(envelope)
    return { ok: true, id, submission: toSubmission(envelope, body) }
  } catch (thrown) {
    const error = asGatewayError(thrown)
    return { ok: false, id: error.code === 'draft.tooDeep' ? idIn(bytes) : id, error }
  }
}

/** Parsing takes any depth; what we do with the result does not. */
function idIn(bytes: Uint8Array): string | undefined {
  try {
    const envelope = parseJson(bytes, Number.POSITIVE_INFINITY)
    return isRecord(envelope) ? senderId(envelope) : undefined
  } catch {
    return undefined
  }
}

/** PROTOCOL.md §2's reply to a request with this id, as JSON. */
export function printReply(id: string | undefined, receipt: Receipt): string {
  if (!receipt.ok) {
    const error = { ...receipt.error.toPublic(), recipients: receipt.recipients }
    return JSON.stringify({ ok: false, id: receipt.id ?? id, error })
  }
  const { duplicate, positions = NOWHERE, store } = receipt
  const stored = [...positions].map(
    ([recipient, { epoch, seq }]) => `${print(recipient)}:{"epoch":${print(epoch)},"seq":${seq}}`,
  )
  const rest = store === undefined ? '' : `,"store":${print(store)}`
  return `{"ok":true,"id":${print(receipt.id)},"duplicate":${duplicate},"positions":{${stored.join()}}${rest}}`
}

/** @throws GatewayError `draft.notUtf8`, `draft.tooDeep`, `draft.notJson`, `draft.invalid` */
function parseEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length === 0) throw invalid('The request is empty.')
  const envelope = parseJson(bytes, MAX_DEPTH + 1)
  if (!isRecord(envelope)) throw new GatewayError('draft.invalid')
  return envelope
}

/** @throws GatewayError `draft.unknownKey`, `draft.invalid`, `draft.notJson` */
function toSubmission(envelope: Envelope, body: Uint8Array | undefined): Submission {
  checkKeys(envelope, body === undefined ? KEYS : KEYS_BESIDE_BODY)
  const { recipient, notification, keep, v, source, id, type, ttl, collapse } = envelope
  const to = Array.isArray(recipient) ? recipient : [recipient]
  if (!to.every(isText)) throw invalid('The request needs a "recipient": a text, or a list of texts.')
  if (keep !== undefined && typeof keep !== 'boolean') throw invalid('"keep" is true or false.')
  return { to, header: { v, source, id, type, ttl, collapse }, body: body ?? printNotification(notification), keep }
}

/** @throws GatewayError `draft.unknownKey` */
function checkKeys(envelope: Envelope, known: ReadonlySet<string>): void {
  for (const key of Object.keys(envelope)) {
    if (known.has(key)) continue
    throw new GatewayError('draft.unknownKey', {
      message: `The request has a key that the protocol does not know: ${print(key.slice(0, 50))}.`,
    })
  }
}

/** @throws GatewayError `draft.invalid`, `draft.notJson` */
function printNotification(notification: unknown): Uint8Array {
  if (notification === undefined) throw invalid('The request needs a "notification": any JSON value.')
  if (!isPrintable(notification))
    throw new GatewayError('draft.notJson', { message: 'The notification has a number beyond 1.8e308.' })
  return utf8.encode(JSON.stringify(notification))
}

/** JSON has no infinity. JavaScript reads `1e999` as one, and would print it as null. */
function isPrintable(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  return typeof value !== 'object' || value === null || Object.values(value).every(isPrintable)
}

/** What is said back to a sender is never longer than what we would take. */
const senderId = ({ id }: Envelope) => (typeof id === 'string' && id.length <= MAX_ID_LENGTH ? id : undefined)
const invalid = (message: string) => new GatewayError('draft.invalid', { message })
const print = (text: string) => JSON.stringify(text)
const isText = (value: unknown): value is string => typeof value === 'string'
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
