import { createHmac, timingSafeEqual } from 'node:crypto'
import { sessionRefused } from '../core/errors.ts'
import type { SessionResolver, SessionStore } from '../core/ports.ts'
import type { Session } from '../core/session.ts'
import { cookieValues } from './cookies.ts'
import { firstGood } from './firstGood.ts'
import { idAt } from './idAt.ts'
import { type InfoPaths, infoFrom } from './info.ts'
import { readJson } from './pyJson.ts'
import { malformed } from './refusals.ts'
import { userIdFrom } from './userId.ts'

export interface ExpressSessionOptions {
  /** The cookie's name: `name` of express-session. */
  readonly cookie: string
  /** `secret` of express-session, or several while it rotates. */
  readonly secret: string | readonly string[]
  /** The key in Redis, with `{id}` where the session's id goes: the store's `prefix`. */
  readonly key: string
  /** The way to the user id through the session. */
  readonly user: readonly string[]
  /** What of the session the browser hears, beside the id. */
  readonly info?: InfoPaths | undefined
}

const SIGNED = 's:'

/**
 * Recognises the sessions that express-session keeps through connect-redis. That the key is there is the truth:
 * `touch()` renews it in Redis and leaves the `cookie.expires` that was written long ago.
 */
export function expressSession(options: ExpressSessionOptions, store: SessionStore): SessionResolver {
  const secrets = typeof options.secret === 'string' ? [options.secret] : options.secret
  if (secrets.length === 0 || secrets.includes(''))
    throw new Error('expressSession: an empty secret signs for everybody')
  if (!options.key.includes('{id}'))
    throw new Error('expressSession: the key has no {id}, so all sessions would be one')
  if (options.user.length === 0) throw new Error('expressSession: the way to the user id is empty')

  const judge = async (cookie: string): Promise<Session> => {
    const id = sessionId(cookie, secrets)
    // An application may make ids of its own, and one with a dollar sign means itself.
    const value = await store.lookup(options.key.replaceAll('{id}', () => id))
    if (value === null) throw sessionRefused('NO_SESSION')
    const session = readJson(value)
    if (session.t !== 'dict') throw malformed('a session that is no object')
    const user = { id: userIdFrom(idAt(session, options.user)), ...infoFrom(session, options.info) }
    return { user, via: 'expressSession', expiresAt: undefined }
  }

  return {
    name: 'expressSession',
    resolve: async ({ cookie }) => firstGood(cookieValues(cookie, options.cookie), judge),
  }
}

/** Proves the cookie `s:<id>.<signature>` before anything is looked up. An id may hold dots, a signature holds none. */
function sessionId(cookie: string, secrets: readonly string[]): string {
  const value = decoded(cookie)
  const dot = value.lastIndexOf('.')
  if (!value.startsWith(SIGNED) || dot <= SIGNED.length) throw malformed('a cookie that is no signed session id')
  const id = value.slice(SIGNED.length, dot)
  const signature = Buffer.from(value.slice(dot + 1))
  const isGenuine = secrets.some((secret) => {
    const expected = Buffer.from(createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, ''))
    return signature.length === expected.length && timingSafeEqual(signature, expected)
  })
  if (!isGenuine) throw sessionRefused('BAD_SIGNATURE')
  return id
}

function decoded(cookie: string): string {
  try {
    return decodeURIComponent(cookie)
  } catch {
    throw malformed('a cookie with a percent sign that encodes nothing')
  }
}
