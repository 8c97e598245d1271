import express, { type ErrorRequestHandler, type RequestHandler, Router } from 'express'
import { MAX_ID_LENGTH, MAX_RECIPIENTS, parseDraft, type Submission } from '../core/draft.ts'
import { GatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Accept, Clock, Input } from '../core/ports.ts'
import { decodeUtf8, isTooDeep, MAX_DEPTH } from '../core/rawJson.ts'
import { announceFailure, only, refuse, toGatewayError } from './replies.ts'

export interface NotifyOptions {
  readonly events: Events
  readonly clock: Clock
  readonly maxBytes: number
}

const NAME = 'http'
/** A recipient's 200 bytes may all be percent-encoded; quotes and a comma around them. */
const ENVELOPE_BYTES = MAX_RECIPIENTS * 604 + 8192
/** Printers that escape all but ASCII write three bytes of UTF-8 or fewer as six. */
const ESCAPING = 3
const KEYS: ReadonlySet<string> = new Set([
  'recipient',
  'notification',
  'source',
  'id',
  'type',
  'ttl',
  'collapse',
  'keep',
])

/** `POST /v1/notify`: the way in for backends that speak HTTP. PROTOCOL.md §2's JSON in, §2's reply out. */
export function notify({ events, clock, maxBytes }: NotifyOptions): {
  input: Input
  route: Router
  refusals: ErrorRequestHandler
} {
  let accept: Accept | undefined

  const take: RequestHandler = (request, response) => {
    if (accept === undefined) throw new GatewayError('draining')
    const arrivedAt = clock.monotonic()
    const envelope = parseEnvelope(request.body)
    response.locals['id'] = senderId(envelope)
    const submission = toSubmission(envelope)
    if (envelope['keep'] !== false && submission.to.some(isUser)) refuseToKeep(submission, maxBytes)
    const source: string = response.locals['caller']
    const receipt = accept(submission, { input: NAME, source, arrivedAt, reach: 'one-node' })
    if (!receipt.ok) return refuse(response, receipt.error, replyTo(response.locals['id'], receipt.error))
    const { id, duplicate } = receipt
    response.status(duplicate ? 200 : 202).json({ ok: true, id, duplicate, positions: {} })
  }

  const route = Router()
  route
    .route('/')
    .post(
      checkContentType,
      express.raw({ type: () => true, inflate: false, limit: ESCAPING * maxBytes + ENVELOPE_BYTES }),
      take,
    )
    .all(only('POST'))

  return {
    input: {
      name: NAME,
      async open(opened) {
        accept = opened
      },
      async close() {
        accept = undefined
      },
    },
    route,
    /** Whoever may not pass, be it for the key or the body, hears §2's reply, and is announced. */
    refusals: (thrown, request, response, _next) => {
      const error = toGatewayError(thrown)
      announceFailure(events, error)
      const source: string = response.locals['caller'] ?? request.ip ?? ''
      events.emit('notification.refused', { input: NAME, source, code: error.code })
      refuse(response, error, replyTo(response.locals['id'], error))
    },
  }
}

const checkContentType: RequestHandler = (request, _response, next) => {
  const [type, ...parameters] = (request.headers['content-type'] ?? '').split(';').map((part) => part.trim())
  const isUtf8 = parameters.every(
    (parameter) => !/^charset=/i.test(parameter) || /^charset="?utf-?8"?$/i.test(parameter),
  )
  if (type?.toLowerCase() !== 'application/json' || !isUtf8) throw new GatewayError('api.contentType')
  next()
}

/** @throws GatewayError `draft.notUtf8`, `draft.tooDeep`, `draft.notJson`, `draft.invalid` */
function parseEnvelope(bytes: unknown): Record<string, unknown> {
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) throw invalid('The request has no body.')
  const text = decodeUtf8(bytes)
  if (isTooDeep(bytes, MAX_DEPTH + 1)) throw new GatewayError('draft.tooDeep')
  let envelope: unknown
  try {
    envelope = JSON.parse(text)
  } catch {
    // The parser's own message quotes the body, which is nobody's business.
    throw new GatewayError('draft.notJson')
  }
  if (!isRecord(envelope)) throw new GatewayError('draft.invalid')
  return envelope
}

/** @throws GatewayError `draft.unknownKey`, `draft.invalid`, `draft.notJson` */
function toSubmission(envelope: Readonly<Record<string, unknown>>): Submission {
  const stranger = Object.keys(envelope).find((key) => !KEYS.has(key))
  if (stranger !== undefined)
    throw new GatewayError('draft.unknownKey', {
      message: `The request has a key that the protocol does not know: ${JSON.stringify(stranger.slice(0, 50))}.`,
    })
  const { recipient, notification, source, id, type, ttl, collapse, keep } = envelope
  const to = Array.isArray(recipient) ? recipient : [recipient]
  if (!to.every(isText)) throw invalid('The request needs a "recipient": a text, or a list of texts.')
  if (notification === undefined) throw invalid('The request needs a "notification": any JSON value.')
  if (!isPrintable(notification))
    throw new GatewayError('draft.notJson', { message: 'The notification has a number beyond 1.8e308.' })
  if (keep !== undefined && typeof keep !== 'boolean') throw invalid('"keep" is true or false.')
  return { to, header: { source, id, type, ttl, collapse }, body: Buffer.from(JSON.stringify(notification)) }
}

/** Channels and everyone are live only, whatever the sender says. */
const isUser = (recipient: string) => recipient !== '*' && !recipient.startsWith('#')

/** Without an inbox nothing can be kept; whatever else is wrong with it is said first. */
function refuseToKeep(submission: Submission, maxBytes: number): never {
  parseDraft(submission, maxBytes)
  throw new GatewayError('keep.unavailable')
}

/** JSON has no infinity. JavaScript reads `1e999` as one, and would print it as null. */
function isPrintable(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  return typeof value !== 'object' || value === null || Object.values(value).every(isPrintable)
}

/** What is said back to a sender is never longer than what we would take. */
const senderId = ({ id }: Readonly<Record<string, unknown>>) =>
  typeof id === 'string' && id.length <= MAX_ID_LENGTH ? id : undefined
const replyTo = (id: string | undefined, error: GatewayError) => ({ ok: false, id, error: error.toPublic() })
const invalid = (message: string) => new GatewayError('draft.invalid', { message })
const isText = (value: unknown): value is string => typeof value === 'string'
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
