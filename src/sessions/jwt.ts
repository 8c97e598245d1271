import { createSecretKey } from 'node:crypto'
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import { GatewayError, type RefusalReason, sessionRefused } from '../core/errors.ts'
import type { SessionResolver } from '../core/ports.ts'
import type { Handshake, Session } from '../core/session.ts'
import { cookieValues } from './cookies.ts'
import { firstGood } from './firstGood.ts'
import { type InfoPaths, infoOf } from './info.ts'
import { overLimit } from './refusals.ts'
import { remoteKeys } from './remoteKeys.ts'
import { userIdFrom } from './userId.ts'

export interface JwtOptions {
  /** The shared secret's bytes, 32 or more, or the issuer's public keys: a JWKS, or the http(s) address of one. */
  readonly key: Uint8Array | JSONWebKeySet | URL
  /** The accepted algorithms. By default HS256 for a secret; RS256 and ES256 for public keys. */
  readonly algorithms?: readonly string[] | undefined
  readonly issuer?: string | readonly string[] | undefined
  readonly audience?: string | readonly string[] | undefined
  /** The way to the user id through the claims; by default `sub`. */
  readonly user?: readonly string[] | undefined
  /** Seconds by which the issuer's clock may differ; by default 5. */
  readonly clockTolerance?: number | undefined
  /** A cookie that may carry the token, beside `auth.token` and `Authorization: Bearer`. */
  readonly cookie?: string | undefined
  /** What of the claims the browser hears, beside the id. */
  readonly info?: InfoPaths | undefined
}

const MIN_SECRET_BYTES = 32
const MAX_TOKEN_LENGTH = 16_384
const SECRET_ALGORITHMS: readonly string[] = ['HS256', 'HS384', 'HS512']
const BEARER = /^Bearer +(\S+) *$/i

/** Recognises JSON Web Tokens. A token without an end is refused: it would be valid for ever. */
export function jwt(options: JwtOptions): SessionResolver {
  const { issuer, audience, user = ['sub'], clockTolerance = 5 } = options
  const verify = verifierOf(options.key, options.algorithms)
  if (user.length === 0) throw new Error('jwt: the way to the user id is empty')
  const expected: JWTVerifyOptions = {
    clockTolerance,
    requiredClaims: ['exp'],
    ...(issuer !== undefined && { issuer: listOf(issuer) }),
    ...(audience !== undefined && { audience: listOf(audience) }),
  }

  const judge = async (token: string, at: number): Promise<Session> => {
    if (token.length > MAX_TOKEN_LENGTH) throw overLimit(`a token over ${MAX_TOKEN_LENGTH} characters`)
    const claims = await verify(token, { ...expected, currentDate: new Date(at) }).catch(refuse)
    const end = (claims.exp ?? 0) * 1000
    // What only the tolerance lets in would otherwise be sent away at once.
    const expiresAt = end > at ? end : end + clockTolerance * 1000
    const info = infoOf(options.info, (path) => exact(claimAt(claims, path)))
    return { user: { id: userIdFrom(claimAt(claims, user)), ...info }, via: 'jwt', expiresAt }
  }

  return {
    name: 'jwt',
    resolve: async (handshake) => firstGood(tokensOf(handshake, options.cookie), (token) => judge(token, handshake.at)),
  }
}

type Verify = (token: string, expected: JWTVerifyOptions) => Promise<JWTPayload>

/** Which algorithms go with which key is checked here, so that a public key can never be taken for a secret. */
function verifierOf(key: JwtOptions['key'], chosen: readonly string[] | undefined): Verify {
  const isSecret = key instanceof Uint8Array
  const algorithms = [...(chosen ?? (isSecret ? ['HS256'] : ['RS256', 'ES256']))]
  const wrong = algorithms.find((algorithm) => SECRET_ALGORITHMS.includes(algorithm) !== isSecret)
  if (algorithms.length === 0 || wrong !== undefined)
    throw new Error(
      `jwt: the algorithm ${wrong ?? '(none)'} does not fit; ${isSecret ? `a secret takes ${SECRET_ALGORITHMS.join(', ')}` : 'public keys take RS, PS, ES and EdDSA ones'}`,
    )
  if (isSecret) {
    if (key.length < MIN_SECRET_BYTES)
      throw new Error(
        `jwt: the secret has ${key.length} bytes and can be guessed; it needs ${MIN_SECRET_BYTES} or more`,
      )
    // Bytes would be made a key again for each token.
    const secret = createSecretKey(key)
    return async (token, expected) => (await jwtVerify(token, secret, { ...expected, algorithms })).payload
  }
  const keys = key instanceof URL ? remoteKeys(key) : createLocalJWKSet(key)
  return async (token, expected) => (await jwtVerify(token, keys, { ...expected, algorithms })).payload
}

/** The first place that holds one counts; only a cookie can be there several times. */
function tokensOf({ token, authorization, cookie }: Handshake, cookieName: string | undefined): readonly string[] {
  if (token !== undefined && token !== '') return [token]
  const bearer = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1]
  if (bearer !== undefined) return [bearer]
  return cookieName === undefined ? [] : cookieValues(cookie, cookieName)
}

function claimAt(claims: JWTPayload, path: readonly string[]): unknown {
  let value: unknown = claims
  for (const step of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    value = Object.getOwnPropertyDescriptor(value, step)?.value
  }
  return value
}

/** What JSON.parse has rounded is another number. */
const exact = (claim: unknown) => (Number.isInteger(claim) && !Number.isSafeInteger(claim) ? undefined : claim)

function refuse(error: unknown): never {
  if (error instanceof GatewayError) throw error
  // What is no judgement about the token is one about the key it names: too small, or none at all.
  if (!(error instanceof errors.JOSEError)) throw sessionRefused('UNSUPPORTED', `the issuer's key: ${messageOf(error)}`)
  // The error itself carries the claims; its message does not.
  throw sessionRefused(reasonOf(error), error.message)
}

function reasonOf(error: InstanceType<typeof errors.JOSEError>): RefusalReason {
  if (error instanceof errors.JWTExpired) return 'EXPIRED'
  if (error instanceof errors.JWTClaimValidationFailed) return claimReason(error.claim, error.reason)
  switch (error.code) {
    case 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED':
    case 'ERR_JOSE_ALG_NOT_ALLOWED':
    case 'ERR_JWKS_NO_MATCHING_KEY':
    case 'ERR_JWKS_MULTIPLE_MATCHING_KEYS':
      return 'BAD_SIGNATURE'
    case 'ERR_JOSE_NOT_SUPPORTED':
    // The issuer's keys are none.
    case 'ERR_JOSE_GENERIC':
    case 'ERR_JWKS_INVALID':
      return 'UNSUPPORTED'
    default:
      return 'MALFORMED'
  }
}

function claimReason(claim: string, reason: string): RefusalReason {
  if (claim === 'iss' || claim === 'aud') return 'BAD_CLAIM'
  return claim === 'nbf' && reason === 'check_failed' ? 'NOT_YET_VALID' : 'MALFORMED'
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : 'not usable')
const listOf = (names: string | readonly string[]) => (typeof names === 'string' ? [names] : [...names])
