import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import express, { type Express, type Request, Router } from 'express'
import { parseRecipient } from '../core/address.ts'
import { GatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Follows } from '../core/follows.ts'
import type { Clock, Inbox, Input, Submit } from '../core/ports.ts'
import { bearer } from './bearer.ts'
import { inboxRoutes } from './inbox.ts'
import { notify } from './notify.ts'
import { checkAddress, NO_ADDRESS, notFound, only, refusals, refuse, refuseBare, securityHeaders } from './replies.ts'
import { Tails } from './tails.ts'

/** Prints what `GET /metrics` answers. */
export type Metrics = () => Promise<{ readonly contentType: string; readonly body: string }>

export interface HttpOptions {
  /** Bearer keys for /v1; without one it refuses everybody. */
  readonly keys: readonly string[]
  readonly events: Events
  readonly clock: Clock
  readonly follows: Follows
  readonly inbox: Inbox
  /** The largest notification, in bytes. */
  readonly maxBytes: number
  /** Why this gateway does not serve; nothing: it does. */
  readonly unready: () => readonly string[]
  readonly notifiers: () => readonly object[]
  /** null: they are not shown on this port. */
  readonly metrics: Metrics | null
  /** Take the client's address from the last hop of X-Forwarded-For. */
  readonly trustProxy: boolean
  /** Whom it refuses gets nothing at all. By default it refuses nobody. */
  readonly admits?: (request: IncomingMessage) => boolean
  /** Mounted last. */
  readonly pages?: Router
}

/** The public port's HTTP (PROTOCOL.md §7). Whatever goes wrong is answered with a coded error in JSON. */
export function httpApp(options: HttpOptions): {
  app: RequestListener
  input: Input<Submit>
  close(): Promise<void>
} {
  const tails = new Tails(options)
  const { input, route, refusals: notifyRefusals } = notify(options)
  const v1 = Router()
  v1.use(bearer(options.keys))
  v1.use('/notify', route, notifyRefusals)
  v1.route('/tail')
    .head(only('GET'))
    .get((request, response) => tails.open(tailedAddress(request), response))
    .all(only('GET'))
  v1.route('/notifiers')
    .get((_request, response) => void response.json({ notifiers: options.notifiers() }))
    .all(only('GET'))
  v1.use(inboxRoutes(options.inbox))

  const app = newApp(options.trustProxy)
  app.use(health(options.unready))
  if (options.metrics !== null) app.use(exposition(options.metrics))
  app.use('/v1', v1)
  if (options.pages !== undefined) app.use(options.pages)
  app.use(notFound, refusals(options.events))
  return { app: listener(app, options.admits), input, close: async () => tails.close() }
}

/** The port for who runs the gateway (`http.internal`). */
export function internalApp(
  options: Pick<HttpOptions, 'events' | 'unready'> & { readonly metrics: Metrics },
): RequestListener {
  const app = newApp(false)
  app.use(health(options.unready), exposition(options.metrics), notFound, refusals(options.events))
  return listener(app)
}

/** Before Express, and behind it: an address that it cannot read at all, `GET http://[`, reaches no handler. */
function listener(app: Express, admits: (request: IncomingMessage) => boolean = () => true): RequestListener {
  const run: (request: IncomingMessage, response: ServerResponse, end: () => void) => void = app
  return (request, response) => {
    if (admits(request))
      run(request, response, () => refuseBare(response, new GatewayError('api.query', { message: NO_ADDRESS })))
    else refuseBare(response, new GatewayError('origin.forbidden', { message: 'This address is not served to you.' }))
  }
}

function newApp(trustProxy: boolean): Express {
  const app = express()
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple')
  if (trustProxy) app.set('trust proxy', 1)
  return app.use(securityHeaders, checkAddress)
}

function health(unready: () => readonly string[]): Router {
  const router = Router()
  router
    .route('/healthz')
    .get((_request, response) => void response.json({ ok: true }))
    .all(only('GET'))
  router
    .route('/readyz')
    .get((_request, response) => {
      const reasons = unready()
      if (reasons.length === 0) return void response.json({ ready: true })
      const error = new GatewayError('api.unready')
      refuse(response, error, JSON.stringify({ ready: false, reasons, error: error.toPublic() }))
    })
    .all(only('GET'))
  return router
}

function exposition(metrics: Metrics): Router {
  const router = Router()
  router
    .route('/metrics')
    .get(async (_request, response) => {
      const { contentType, body } = await metrics()
      response.set('Content-Type', contentType).send(body)
    })
    .all(only('GET'))
  return router
}

/** A parameter that we do not know could be a misspelt one: it would show all that passes. */
function tailedAddress({ query }: Request) {
  const { recipient, ...others } = query
  if (Object.keys(others).length > 0) throw new GatewayError('api.query', { message: 'A tail takes only a recipient.' })
  if (recipient === undefined) return undefined
  if (typeof recipient !== 'string') throw new GatewayError('api.query', { message: 'A tail takes one recipient.' })
  return parseRecipient(recipient)
}
