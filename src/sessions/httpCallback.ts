import { sessionRefused } from '../core/errors.ts'
import type { SessionResolver } from '../core/ports.ts'
import type { Handshake, Session } from '../core/session.ts'
import { ask, unavailable } from './ask.ts'
import { idAt } from './idAt.ts'
import { type InfoPaths, infoFrom } from './info.ts'
import { readJson } from './pyJson.ts'
import { entryAt, type PyDict } from './pyValue.ts'
import { malformed, overLimit } from './refusals.ts'
import { userIdFrom } from './userId.ts'

export interface HttpCallbackOptions {
  /** The application's own answer to "who is this?". */
  readonly url: string
  /** How long the whole answer may take. */
  readonly timeoutMs: number
  /** What of the answer’s `user` the browser hears, beside the id. */
  readonly info?: InfoPaths | undefined
}

const MAX_CREDENTIAL_LENGTH = 65_536
/** What a header may hold: a line break would begin a header of the browser's own making. */
const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

/**
 * Asks the web application itself, with the browser's cookie and authorization: for every session that no other
 * resolver can read. Without either there is nothing to ask about.
 */
export function httpCallback({ url, timeoutMs, info }: HttpCallbackOptions): SessionResolver {
  const { protocol, username, password } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') throw new Error('httpCallback: the url is none of http or https')
  if (username !== '' || password !== '') throw new Error('httpCallback: the url must not carry a user or a password')

  return {
    name: 'httpCallback',
    async resolve(handshake) {
      const headers = credentialsOf(handshake)
      if (headers === null) return null
      const { status, body } = await ask(url, headers, AbortSignal.timeout(timeoutMs))
      if (status === 200) return sessionOf(body, info)
      if (status === 401) throw sessionRefused('NO_USER', 'the application answered 401')
      if (status >= 500 || status === 429) throw unavailable(`the application answered ${status}`)
      throw sessionRefused('UNSUPPORTED', `the application answered ${status}; it should be 200 or 401`)
    },
  }
}

/** A page cannot set a header on a WebSocket, so its `auth.token` goes where a token belongs. */
function credentialsOf({ cookie, authorization, token }: Handshake): Headers | null {
  const headers = new Headers({ accept: 'application/json' })
  const credential = authorization || (token ? `Bearer ${token}` : undefined)
  if (!cookie && !credential) return null
  for (const [name, value] of [
    ['cookie', cookie],
    ['authorization', credential],
  ] as const) {
    if (!value) continue
    if (value.length > MAX_CREDENTIAL_LENGTH) throw overLimit(`a credential over ${MAX_CREDENTIAL_LENGTH} characters`)
    if (!HEADER_VALUE.test(value)) throw malformed('a credential that no header can hold')
    headers.set(name, value)
  }
  return headers
}

function sessionOf(body: Uint8Array, info: InfoPaths | undefined): Session {
  const answer = readJson(body)
  if (answer.t !== 'dict') throw malformed('an answer that is no object')
  const given = entryAt(answer, 'user')
  if (given?.t !== 'dict') throw sessionRefused('NO_USER')
  const user = { id: userIdFrom(idAt(given, ['id'])), ...infoFrom(given, info) }
  return { user, via: 'httpCallback', expiresAt: endOf(answer) }
}

/** Milliseconds since 1970. An end that is none would otherwise be no end. */
function endOf(answer: PyDict): number | undefined {
  const end = entryAt(answer, 'expiresAt')
  if (end === undefined || end.t === 'none') return undefined
  const milliseconds = end.t === 'int' || end.t === 'float' ? Number(end.v) : Number.NaN
  if (!Number.isFinite(milliseconds)) throw malformed('an expiresAt that is no time')
  return milliseconds
}
