import { createHash, timingSafeEqual } from 'node:crypto'
import type { RequestHandler } from 'express'
import { GatewayError } from '../core/errors.ts'

const BEARER = /^Bearer +([^ ].*)$/i

/**
 * Lets in who knows one of the keys; without a key nobody. How long it takes tells nothing: digests are all equally
 * long, and every key is compared. `response.locals.caller` names the key, so that a log tells clients apart.
 */
export function bearer(keys: readonly string[]): RequestHandler {
  const digests = keys.map((key) => digest(Buffer.from(key)))
  return (request, response, next) => {
    // Node reads headers as latin1: so the bytes are what was sent.
    const given = digest(Buffer.from(BEARER.exec(request.headers.authorization ?? '')?.[1] ?? '', 'latin1'))
    let found = -1
    for (const [index, known] of digests.entries()) if (timingSafeEqual(known, given)) found = index
    if (found === -1) throw new GatewayError('api.unauthorized')
    response.locals['caller'] = `key-${found + 1}`
    next()
  }
}

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest()
