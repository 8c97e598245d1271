import type { ServerResponse } from 'node:http'
import type { ErrorRequestHandler, RequestHandler, Response } from 'express'
import { asGatewayError, GatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'

/** What every answer carries. `self` also covers WebSockets to the page's own origin. */
const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'",
}

export const securityHeaders: RequestHandler = (_request, response, next) => {
  response.set(SECURITY_HEADERS)
  next()
}

export const NO_ADDRESS = 'The address is not percent-encoded UTF-8, or none at all.'

/** Everything behind this may decode the address without being surprised. */
export const checkAddress: RequestHandler = (request, _response, next) => {
  try {
    decodeURIComponent(request.url)
  } catch (cause) {
    throw new GatewayError('api.query', { message: NO_ADDRESS, cause })
  }
  next()
}

/** Stands behind the handlers of an address: whatever method comes so far is none of theirs. */
export function only(method: string): RequestHandler {
  return (_request, response) => {
    response.set('Allow', method)
    throw new GatewayError('api.method')
  }
}

export const notFound: RequestHandler = () => {
  throw new GatewayError('api.notFound')
}

/** The last handler: whatever was thrown leaves as a code, and nothing about our insides with it. */
export function refusals(events: Events): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (thrown, _request, response, _next) => {
    const error = toGatewayError(thrown)
    announceFailure(events, error)
    refuse(response, error, JSON.stringify({ error: error.toPublic() }))
  }
}

/** `reply`: JSON. */
export function refuse(response: Response, error: GatewayError, reply: string): void {
  if (response.headersSent) return void response.destroy()
  if (error.code === 'api.unauthorized') response.set('WWW-Authenticate', 'Bearer')
  response.set('Cache-Control', 'no-store').status(error.status).type('json').send(reply)
}

/** The same where Express has no part in it. */
export function refuseBare(response: ServerResponse, error: GatewayError): void {
  const headers = {
    ...SECURITY_HEADERS,
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
  }
  response.writeHead(error.status, headers).end(JSON.stringify({ error: error.toPublic() }))
}

export function announceFailure(events: Events, error: GatewayError): void {
  if (error.code === 'internal') events.emit('gateway.failed', { during: 'an HTTP request', error: error.cause })
}

/** Express and its body reader throw errors with a status and a type of their own. */
export function toGatewayError(thrown: unknown): GatewayError {
  const { status, type } = httpErrorOf(thrown)
  if (status === undefined || status < 400 || status > 499) return asGatewayError(thrown)
  if (type === 'entity.too.large') return new GatewayError('draft.tooLarge', { cause: thrown })
  if (status === 415) return new GatewayError('api.contentType', { cause: thrown })
  if (type !== undefined)
    return new GatewayError('draft.invalid', { message: 'The request did not arrive whole.', cause: thrown })
  return new GatewayError('api.notFound', { cause: thrown })
}

function httpErrorOf(thrown: unknown): { status?: number; type?: string } {
  if (!(thrown instanceof Error) || thrown instanceof GatewayError) return {}
  return {
    ...('status' in thrown && typeof thrown.status === 'number' && { status: thrown.status }),
    ...('type' in thrown && typeof thrown.type === 'string' && { type: thrown.type }),
  }
}
