import type { Address } from './address.ts'
import { isWellFormed, parseRecipient } from './address.ts'
import { GatewayError } from './errors.ts'
import type { Copy } from './inbox.ts'
import type { Draft, Notification, Sequence } from './notification.ts'
import { checkJson, decodeUtf8, isTooDeep } from './rawJson.ts'

/** What an input took off its wire, split and not judged. */
export interface Submission {
  /** One or more recipients as they stand on the wire, without the closing bar. */
  readonly to: readonly string[]
  /** The same, judged already: by an input that hears nobody else. */
  readonly addresses?: readonly Address[]
  /** The header's bytes, or its keys where the input has parsed them already; undefined in the short form. */
  readonly header: Uint8Array | Readonly<Record<string, unknown>> | undefined
  readonly body: Uint8Array
  /** Shall it stand in the inboxes of the users among its recipients? By default it shall. Live inputs ask nobody. */
  readonly keep?: boolean | undefined
}

export const MAX_RECIPIENTS = 1000
export const MAX_ID_LENGTH = 128
const MAX_TEXT_LENGTH = 200
const MAX_HEADER_BYTES = 8192
const MAX_TTL_SECONDS = 31_536_000

/**
 * Judges a submission, all of it before anything is said to anybody.
 * @throws GatewayError with one of the `draft.…` codes
 */
export function parseDraft(submission: Submission, maxBytes: number): Draft {
  if (submission.to.length === 0 || submission.to.length > MAX_RECIPIENTS) throw new GatewayError('draft.recipients')
  const to = submission.addresses ?? addressesOf(submission.to)
  const body = checkJson(submission.body, maxBytes)
  if (submission.header === undefined) return bare(to, body)
  const header = submission.header instanceof Uint8Array ? parseHeader(submission.header) : submission.header
  if (header['v'] !== undefined && header['v'] !== 1) throw new GatewayError('draft.version')
  return {
    to,
    type: text(header, 'type'),
    body,
    id: parseId(header['id']),
    at: time(header, 'at'),
    ttlMs: parseTtl(header['ttl']),
    collapse: text(header, 'collapse'),
    source: text(header, 'source', 0) ?? '',
    sequence: parseSequence(header),
  }
}

/** Each once. @throws GatewayError `draft.recipient` */
const addressesOf = (to: readonly string[]): readonly Address[] =>
  to.length === 1 ? to.map(parseRecipient) : [...new Set(to.map(parseRecipient))]

/** Gives a draft what it did not bring. The sender's id wins, so that sending again is safe. */
export function stamp(draft: Draft, to: Address, id: string, now: number): Notification {
  const at = draft.at ?? now
  return {
    to,
    id: publicId(draft, id),
    type: draft.type ?? (to.startsWith('channel:') ? 'message' : DEFAULT_TYPE),
    at,
    body: draft.body,
    expiresAt: draft.ttlMs === undefined ? undefined : at + draft.ttlMs,
    collapse: draft.collapse,
  }
}

/** What is to be kept of a draft: a copy for each user; channels and everyone have no inbox. */
export function copiesOf(draft: Draft, id: string, now: number): Copy[] {
  const { source, type = DEFAULT_TYPE, body, ttlMs, collapse } = draft
  const copies: Copy[] = []
  for (const address of draft.to) {
    if (isLive(address)) continue
    copies.push({ user: address.slice(USER.length), source, id, type, body, ttlMs, collapse, acceptedAt: now })
  }
  return copies
}

/** As browsers see it: told apart by its source. */
export const publicId = ({ source }: Pick<Draft, 'source'>, id: string) => (source === '' ? id : `${source}:${id}`)
export const isLive = (address: Address) => !address.startsWith(USER)
/** As it stands on the wire. */
export const namesUser = (recipient: string) => recipient !== '*' && !recipient.startsWith('#')

const USER = 'user:'
const DEFAULT_TYPE = 'notification'
/** The short form. Written out, because a spread takes longer than all the rest of the judging. */
const bare = (to: Draft['to'], body: Draft['body']): Draft => ({
  to,
  type: undefined,
  body,
  id: undefined,
  at: undefined,
  ttlMs: undefined,
  collapse: undefined,
  source: '',
  sequence: undefined,
})

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length > MAX_HEADER_BYTES) throw headerError('is larger than 8,192 bytes')
  if (isTooDeep(bytes)) throw new GatewayError('draft.tooDeep')
  let header: unknown
  try {
    header = JSON.parse(decodeUtf8(bytes))
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw thrown
    throw headerError('is not JSON')
  }
  if (!isRecord(header)) throw headerError('is not a JSON object')
  return header
}

/** A lone surrogate has no UTF-8: two ids would become one. */
function parseId(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_ID_LENGTH || !isWellFormed(value))
    throw new GatewayError('draft.id')
  return value
}

function parseTtl(value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > MAX_TTL_SECONDS)
    throw new GatewayError('draft.ttl')
  return (value as number) * 1000
}

function parseSequence(header: Readonly<Record<string, unknown>>): Sequence | undefined {
  const seq = header['seq']
  if (seq === undefined) return undefined
  if (!Number.isSafeInteger(seq) || (seq as number) < 1) throw headerError('has a "seq" that is no whole number from 1')
  return { epoch: text(header, 'epoch', 0) ?? '', seq: seq as number }
}

function time(header: Readonly<Record<string, unknown>>, key: string): number | undefined {
  const value = header[key]
  if (value === undefined) return undefined
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw headerError(`has "${key}" that is no whole number of milliseconds`)
  return value as number
}

function text(header: Readonly<Record<string, unknown>>, key: string, min = 1): string | undefined {
  const value = header[key]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value.length < min || value.length > MAX_TEXT_LENGTH || !isWellFormed(value)) {
    throw headerError(`has "${key}" that is no text of ${min} to ${MAX_TEXT_LENGTH} characters`)
  }
  return value
}

const headerError = (what: string) => new GatewayError('draft.header', { message: `The header ${what}.` })
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
