import { fileURLToPath } from 'node:url'
import express, { type Router } from 'express'
import type { Config } from '../config/schema.ts'
import { isUserId } from '../core/address.ts'
import { signToken } from './signToken.ts'
import { snippets } from './snippets.ts'

/** The same from src/ and from dist/. */
const PUBLIC = fileURLToPath(new URL('../../src/dev/public', import.meta.url))
/** The browser client as one file, as `npm run build` leaves it. */
const CLIENT = fileURLToPath(new URL('../../dist/client/heraldo.js', import.meta.url))
const TOKEN_S = 15 * 60
const DAY_S = 24 * 60 * 60
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
}

/** The demo: a page at `/`, tokens for anybody who asks, and what can be pasted. To be served to `isFromHere` alone. */
export function demoPages(config: Config): Router {
  const router = express.Router()
  router.get('/dev/token', async (request, response) => {
    const user = request.query['user']
    const token = typeof user === 'string' && isUserId(user) ? await signToken(config.sessions, user, TOKEN_S) : null
    if (token === null) response.status(400).json({ error: 'a user id, and a jwt resolver in sessions, are needed' })
    else response.set('Cache-Control', 'no-store').json({ token })
  })
  router.get('/dev/facts', async (request, response) => {
    const url = `${request.protocol}://${request.headers.host}`
    response.set('Cache-Control', 'no-store').json(await demoFacts(config, url))
  })
  router.get('/heraldo.js', (_request, response) => response.set(HEADERS).sendFile(CLIENT))
  router.use(express.static(PUBLIC, { setHeaders: (response) => void response.set(HEADERS) }))
  return router
}

/** What the page, and whoever reads the terminal, needs to send and to listen. */
export async function demoFacts({ http, sessions, zeromq, notifications }: Config, url: string) {
  const key = http.keys[0] ?? ''
  const token = (await signToken(sessions, '42', DAY_S)) ?? ''
  const { event } = notifications
  return { key, event, snippets: snippets({ url, key, event, token, notifier: zeromq.notifiers[0] }) }
}
