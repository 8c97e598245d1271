import { Buffer } from 'node:buffer'
import { parseDraft } from '../../core/draft.ts'
import { asNotifierError, NotifierError } from './errors.ts'

export interface NotificationOptions {
  /** What kind it is. Default `notification`; on a channel it is the event's name, default `message`. */
  readonly type?: string | undefined
  /** 1 to 128 characters. The same id sent again is shown once. Default: a new one. */
  readonly id?: string | undefined
  /** Seconds after which nobody needs it any more: 1 to 31,536,000. */
  readonly ttl?: number | undefined
  /** Replaces the earlier one with the same key. */
  readonly collapse?: string | undefined
  /** Milliseconds since 1970. Default: now. */
  readonly at?: number | undefined
}

/** The header's keys that do not depend on the moment of sending. */
export interface Header extends NotificationOptions {
  readonly id: string
  readonly at: number
  readonly source: string
}

/** A notification that a gateway will take, judged before it is numbered. */
export interface Draft {
  /** With its closing bar. */
  readonly recipient: string
  readonly header: Header
  readonly body: Uint8Array
}

/** @throws NotifierError with one of the `draft.…` codes */
export function draft(recipient: string, header: Header, body: unknown, maxBytes: number): Draft {
  return { recipient: `${recipient}|`, header, body: judge([recipient], { ...header }, body, maxBytes) }
}

/**
 * Judged by the very function that gateways judge with: what passes here is refused nowhere. Returns the body's bytes.
 * @throws NotifierError with one of the `draft.…` codes
 */
export function judge(
  to: readonly string[],
  header: Readonly<Record<string, unknown>>,
  body: unknown,
  maxBytes: number,
): Uint8Array {
  const bytes = encodeBody(body, maxBytes)
  try {
    parseDraft({ to, header, body: bytes }, maxBytes)
  } catch (thrown) {
    throw asNotifierError(thrown)
  }
  return bytes
}

/** PROTOCOL §1, the full form. `undefined` keys are left out. */
export function fullForm({ recipient, header, body }: Draft, epoch: string, seq: number): (string | Uint8Array)[] {
  const { id, type, at, ttl, collapse, source } = header
  return [recipient, JSON.stringify({ v: 1, id, type, at, ttl, collapse, source, epoch, seq }), body]
}

/** Bytes go out as they are, but as our own copy: the socket reads them later than the caller thinks. */
function encodeBody(body: unknown, maxBytes: number): Uint8Array {
  const bytes = body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(stringify(body))
  if (bytes.length > maxBytes) {
    throw new NotifierError('draft.tooLarge', `The body has ${bytes.length} bytes; at most ${maxBytes} may be sent.`)
  }
  return bytes
}

function stringify(body: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(body)
  } catch (cause) {
    if (cause instanceof RangeError) throw new NotifierError('draft.tooDeep', 'The body is nested too deep.', { cause })
    throw new NotifierError('draft.notJson', 'The body cannot be written as JSON.', { cause })
  }
  if (text === undefined) throw new NotifierError('draft.notJson', 'The body cannot be written as JSON.')
  return text
}
