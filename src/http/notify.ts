import express, { type ErrorRequestHandler, type RequestHandler, Router } from 'express'
import { maxRequestBytes, printReply, readRequest } from '../core/envelope.ts'
import { GatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Clock, Input, Submit } from '../core/ports.ts'
import { announceFailure, only, refuse, toGatewayError } from './replies.ts'

export interface NotifyOptions {
  readonly events: Events
  readonly clock: Clock
  readonly maxBytes: number
}

const NAME = 'http'
const NOTHING = new Uint8Array()

/** `POST /v1/notify`: the way in for backends that speak HTTP. PROTOCOL.md §2's JSON in, §2's reply out. */
export function notify({ events, clock, maxBytes }: NotifyOptions): {
  input: Input<Submit>
  route: Router
  refusals: ErrorRequestHandler
} {
  let submit: Submit | undefined

  const take: RequestHandler = async (request, response) => {
    if (submit === undefined) throw new GatewayError('draining')
    const arrivedAt = clock.monotonic()
    const read = readRequest(request.body instanceof Uint8Array ? request.body : NOTHING)
    response.locals['id'] = read.id
    if (!read.ok) throw read.error
    const source: string = response.locals['caller']
    const receipt = await submit(read.submission, { input: NAME, source, arrivedAt, reach: 'one-node' })
    const reply = printReply(read.id, receipt)
    if (!receipt.ok) return refuse(response, receipt.error, reply)
    response
      .status(receipt.duplicate ? 200 : 202)
      .type('json')
      .send(reply)
  }

  const route = Router()
  route
    .route('/')
    .post(checkContentType, express.raw({ type: () => true, inflate: false, limit: maxRequestBytes(maxBytes) }), take)
    .all(only('POST'))

  return {
    input: {
      name: NAME,
      async open(opened) {
        submit = opened
      },
      async close() {
        submit = undefined
      },
    },
    route,
    /** Whoever may not pass, be it for the key or the body, hears §2's reply, and is announced. */
    refusals: (thrown, request, response, _next) => {
      const error = toGatewayError(thrown)
      announceFailure(events, error)
      const source: string = response.locals['caller'] ?? request.ip ?? ''
      events.emit('notification.refused', { input: NAME, source, code: error.code })
      refuse(response, error, printReply(response.locals['id'], { ok: false, id: undefined, error }))
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
