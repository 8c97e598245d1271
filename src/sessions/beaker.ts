import { createHmac, timingSafeEqual } from 'node:crypto'
import { sessionRefused } from '../core/errors.ts'
import type { SessionResolver, SessionStore } from '../core/ports.ts'
import type { Session } from '../core/session.ts'
import { readBeakerValue } from './beakerValue.ts'
import { cookieValues } from './cookies.ts'
import { firstGood } from './firstGood.ts'
import { idAt } from './idAt.ts'
import { type InfoPaths, infoFrom } from './info.ts'
import { entryAt, type PyDict, type PyValue } from './pyValue.ts'
import { malformed } from './refusals.ts'
import { userIdFrom } from './userId.ts'

export interface BeakerOptions {
  /** The cookie's name: `session.key`. */
  readonly cookie: string
  /** `session.secret`, or several while it rotates; null: the cookie is the bare id, unsigned. */
  readonly secret: string | readonly string[] | null
  /** The key in Redis, with `{id}` where the session's id goes. */
  readonly key: string
  /** The way to the user id through the session's dictionaries. */
  readonly user: readonly string[]
  /** `session.timeout` in seconds; null: sessions do not time out. */
  readonly timeout: number | null
  /** What of the session the browser hears, beside the id. */
  readonly info?: InfoPaths | undefined
}

const SIGNED = /^[0-9a-f]{72}$/
const ID = /^[0-9a-f]{32}$/
const SIGNATURE_LENGTH = 40

/** Recognises the sessions of Python's Beaker. It reads them and never writes: being here does not keep one alive. */
export function beaker(options: BeakerOptions, store: SessionStore): SessionResolver {
  const { secret, timeout } = options
  const secrets = secret === null ? null : typeof secret === 'string' ? [secret] : secret
  if (secrets !== null && (secrets.length === 0 || secrets.includes('')))
    throw new Error('beaker: an empty secret signs for everybody; give session.secret, or null for unsigned cookies')
  if (!options.key.includes('{id}')) throw new Error('beaker: the key has no {id}, so all sessions would be one')
  if (options.user.length === 0) throw new Error('beaker: the way to the user id is empty')

  const judge = async (cookie: string, at: number): Promise<Session> => {
    const id = sessionId(cookie, secrets)
    const value = await store.lookup(options.key.replaceAll('{id}', id))
    if (value === null) throw sessionRefused('NO_SESSION')
    const session = readBeakerValue(value)
    const end = endOf(session, timeout, at)
    const user = { id: userIdFrom(idAt(session, options.user)), ...infoFrom(session, options.info) }
    if (end === undefined && timeout !== null) throw malformed('a session without the time of its last use')
    return { user, via: 'beaker', expiresAt: end }
  }

  return {
    name: 'beaker',
    // Of several cookies Python takes the last, so it is asked first.
    resolve: async ({ cookie, at }) =>
      firstGood(cookieValues(cookie, options.cookie).toReversed(), (value) => judge(value, at)),
  }
}

/** Proves the cookie before anything is looked up or read. What is unsigned must at least not choose another key. */
function sessionId(cookie: string, secrets: readonly string[] | null): string {
  if (secrets === null) {
    if (!ID.test(cookie)) throw malformed('a cookie that is no session id')
    return cookie
  }
  if (!SIGNED.test(cookie)) throw sessionRefused('BAD_SIGNATURE')
  const signature = Buffer.from(cookie.slice(0, SIGNATURE_LENGTH))
  const id = cookie.slice(SIGNATURE_LENGTH)
  const isGenuine = secrets.some((secret) =>
    timingSafeEqual(signature, Buffer.from(createHmac('sha1', secret).update(id).digest('hex'))),
  )
  if (!isGenuine) throw sessionRefused('BAD_SIGNATURE')
  return id
}

/** Redis keeps a session longer than it is valid, so the time of its last use decides, as in Beaker itself. */
function endOf(session: PyDict, timeout: number | null, at: number): number | undefined {
  const accessed = secondsOf(entryAt(session, '_accessed_time'))
  if (timeout === null || accessed === undefined) return undefined
  if (at / 1000 - accessed > timeout) throw sessionRefused('EXPIRED')
  // At the very moment of its end a session still counts.
  return Math.max(Math.round((accessed + timeout) * 1000), at + 1)
}

function secondsOf(value: PyValue | undefined): number | undefined {
  if (value?.t !== 'float' && value?.t !== 'int') return undefined
  const seconds = Number(value.v)
  return Number.isFinite(seconds) ? seconds : undefined
}
