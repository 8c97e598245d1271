import { createRemoteJWKSet, customFetch, type FetchImplementation, type JWTVerifyGetKey } from 'jose'
import { ask, unavailable } from './ask.ts'

const TIMEOUT_MS = 5_000
/** A token that names a key we do not have makes us look again, but not more often than this. */
const COOLDOWN_MS = 30_000
const MAX_AGE_MS = 600_000

/** The issuer's public keys at an address: fetched when the first token comes, and again when they age or rotate. */
export function remoteKeys(url: URL): JWTVerifyGetKey {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new Error('jwt: the jwksUrl is none of http or https')
  // fetch would refuse it, and name it with its password.
  if (url.username !== '' || url.password !== '')
    throw new Error('jwt: the jwksUrl must not carry a user or a password')
  return createRemoteJWKSet(url, {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MAX_AGE_MS,
    [customFetch]: fetchKeys,
  })
}

const fetchKeys: FetchImplementation = async (url, { headers, signal }) => {
  const { status, body } = await ask(url, headers, signal)
  if (status !== 200) throw unavailable(`the issuer's keys: the answer was ${status}`)
  return new Response(body)
}
