import express, { type Request, type RequestHandler, type Response, Router } from 'express'
import { encodeUserId, isUserId } from '../core/address.ts'
import { GatewayError } from '../core/errors.ts'
import type { Life } from '../core/inbox.ts'
import { MAX_MARK_BYTES, MAX_PUBLIC_ID_LENGTH, parseListQuery, parseMark } from '../core/inboxRequests.ts'
import type { Inbox } from '../core/ports.ts'
import { parseJson, printJson } from '../core/rawJson.ts'
import { only } from './replies.ts'

const NUMBER = /^\d{1,16}$/
const NOTHING = new Uint8Array()

/** What backends ask of inboxes, and the life of what was kept: the twins of PROTOCOL.md §4's events (§7). */
export function inboxRoutes(inbox: Inbox): Router {
  const router = Router()
  router
    .route('/users/:id/inbox')
    .get(async (request, response) => {
      const { epoch, items, next } = await inbox.list(userOf(request), parseListQuery(numbersIn(request.query)))
      reply(response, { epoch, items, next })
    })
    .all(only('GET'))
  router
    .route('/users/:id/counts')
    .get(async (request, response) => reply(response, (await inbox.open(userOf(request), null)).counts))
    .all(only('GET'))
  router
    .route('/users/:id/mark')
    .post(express.raw({ type: () => true, inflate: false, limit: MAX_MARK_BYTES }), mark(inbox))
    .all(only('POST'))
  router
    .route('/notifications/:id')
    .get(async (request, response) => {
      const { id } = request.params
      const lives = id.length > MAX_PUBLIC_ID_LENGTH ? [] : await inbox.lives(id)
      if (lives.length === 0) throw new GatewayError('api.notFound', { message: UNKNOWN })
      reply(response, { id, recipients: lives.map(describe) })
    })
    .all(only('GET'))
  return router
}

const UNKNOWN = 'No kept notification with this id is known: it was never stored, or is forgotten.'

function mark(inbox: Inbox): RequestHandler<{ id: string }> {
  return async (request, response) => {
    const wanted = parseMark(parseJson(request.body instanceof Uint8Array ? request.body : NOTHING))
    reply(response, { counts: await inbox.mark(userOf(request), wanted) })
  }
}

function describe({ user, position, accepted, stored, sent, seen, read, gone }: Life) {
  const expired = gone?.why === 'expired' ? gone.at : null
  return { recipient: encodeUserId(user), position, accepted, stored, sent, seen, read, expired, gone }
}

/** @throws GatewayError `api.query` */
function userOf({ params: { id } }: Request<{ id: string }>): string {
  if (!isUserId(id)) throw new GatewayError('api.query', { message: 'A user id has 1 to 200 bytes of UTF-8.' })
  return id
}

/** An address has texts only. What is no number stays what it is, and is refused for it. */
const numbersIn = (query: Request['query']) =>
  Object.fromEntries(
    Object.entries(query).map(([key, value]) => [
      key,
      key !== 'filter' && typeof value === 'string' && NUMBER.test(value) ? Number(value) : value,
    ]),
  )

/** Bodies of notifications stand in it as they were sent. */
function reply(response: Response, value: object): void {
  response.set('Cache-Control', 'no-store').type('json').send(printJson(value))
}
