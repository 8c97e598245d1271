import { z } from 'zod'
import { redisUrl } from './redisUrl.ts'
import type { SecretSchema } from './secretSchema.ts'

const nameOrNames = z.union([z.string(), z.array(z.string()).min(1)])
const path = z.array(z.string().min(1)).min(1)
const ticketPath = z.tuple([z.enum(['tokens', 'userData'])])
const MAX_INFO = 20
const cookieName = z.string().min(1)
const HTTP_URL = 'an http or https address without a user or a password'

/** One entry of `sessions`, told apart by `use`. */
export function sessionSchema(secret: SecretSchema) {
  return z.discriminatedUnion('use', [
    beakerSchema(secret),
    authTktSchema(secret),
    expressSessionSchema(secret),
    jwtSchema(secret),
    httpCallbackSchema(),
  ])
}

function beakerSchema(secret: SecretSchema) {
  return z
    .strictObject({
      use: z.literal('beaker'),
      cookie: cookieName.default('beaker.session.id').describe('The name of the cookie.'),
      secret: z
        .union([secret, z.array(secret).min(1)])
        .nullable()
        .describe('session.secret of the application; a list while it rotates; null: unsigned.'),
      key: z
        .string()
        .includes('{id}')
        .default('beaker_cache:{id}:session')
        .describe('The key in Redis; beaker_extensions and the system of 2013 use beaker:{id}:session.'),
      user: path.describe('The way to the user id in the session.'),
      timeout: z.int().min(1).nullable().default(null).describe('session.timeout of the application, in seconds.'),
      info: infoSchema(path, 'the session'),
      redis: ownRedisSchema(secret),
    })
    .describe('Sessions of Beaker (Pylons, Pyramid, Flask) in Redis.')
}

function authTktSchema(secret: SecretSchema) {
  return z
    .strictObject({
      use: z.literal('authTkt'),
      cookie: cookieName.default('auth_tkt').describe('The name of the cookie.'),
      secret: z
        .union([secret, z.array(secret).min(1)])
        .describe('The secret of the application; a list while it rotates.'),
      digest: z
        .enum(['md5', 'sha256', 'sha512'])
        .default('md5')
        .describe('hashalg (Pyramid, by its default sha512) or digest_algo (repoze.who, Paste) of the application.'),
      includeIp: z.boolean().default(false).describe('include_ip: tickets are bound to the browser’s address.'),
      ip6: z.enum(['text']).default('text').describe('How an IPv6 address is signed; there is only Pyramid’s way.'),
      timeout: z.int().min(1).nullable().default(null).describe('timeout of the application, in seconds.'),
      maxClockSkew: z
        .int()
        .min(0)
        .max(86_400)
        .default(300)
        .describe('Seconds by which a ticket may come from the future.'),
      userData: z
        .enum(['pipe', 'urlencoded', 'raw'])
        .default('pipe')
        .describe('Pyramid and repoze.who before 2.3: pipe; repoze.who since: urlencoded; Paste: raw.'),
      info: infoSchema(ticketPath, 'the ticket'),
    })
    .describe('Signed tickets of repoze.who, Paste and Pyramid.')
}

function expressSessionSchema(secret: SecretSchema) {
  return z
    .strictObject({
      use: z.literal('expressSession'),
      cookie: cookieName.default('connect.sid').describe('The name of the cookie.'),
      secret: z
        .union([secret, z.array(secret).min(1)])
        .describe('The secret of the application; a list while it rotates.'),
      key: z
        .string()
        .includes('{id}')
        .default('sess:{id}')
        .describe('The key in Redis: the prefix of the store, and {id}.'),
      user: path.describe('The way to the user id in the session.'),
      info: infoSchema(path, 'the session'),
      redis: ownRedisSchema(secret),
    })
    .describe('Sessions of express-session in Redis (connect-redis).')
}

function infoSchema<Way extends typeof path | typeof ticketPath>(way: Way, source: string) {
  return z
    .record(z.string().min(1).max(50), way)
    .refine((listed) => Object.keys(listed).length <= MAX_INFO, `at most ${MAX_INFO} names`)
    .optional()
    .describe(`What of ${source} the browser hears in hello.user.info: names, each with the way to its value.`)
}

function ownRedisSchema(secret: SecretSchema) {
  return z
    .strictObject({ url: redisUrl(secret) })
    .optional()
    .describe('{ "url": … }: the Redis with these sessions, only read; without it the redis at the top.')
}

function httpCallbackSchema() {
  return z
    .strictObject({
      use: z.literal('httpCallback'),
      url: z
        .string()
        .refine(isHttpUrl, HTTP_URL)
        .describe('Where the application answers who a cookie or authorization belongs to.'),
      timeoutMs: z.int().min(1).max(60_000).default(3000).describe('How long its answer may take, in milliseconds.'),
      info: infoSchema(path, 'the answer’s user'),
    })
    .describe('The application itself, asked over HTTP.')
}

function isHttpUrl(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, username, password } = new URL(url)
  return /^https?:$/.test(protocol) && username + password === ''
}

const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const
const KEY_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const
const MIN_SECRET_BYTES = 32

function jwtSchema(secret: SecretSchema) {
  return z
    .strictObject({
      use: z.literal('jwt'),
      secret: secret.optional().describe('The shared secret, 32 bytes or more.'),
      secretBase64: secret.optional().describe('The same in base64.'),
      jwks: z
        .looseObject({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) })
        .optional()
        .describe('Instead of a secret: the issuer’s public keys, as a JSON Web Key Set.'),
      jwksUrl: z
        .string()
        .refine(isHttpUrl, HTTP_URL)
        .optional()
        .describe('Or the http or https address of that key set.'),
      algorithms: z
        .array(z.enum([...SECRET_ALGORITHMS, ...KEY_ALGORITHMS]))
        .min(1)
        .optional()
        .describe('The accepted algorithms; without them HS256 for a secret, RS256 and ES256 for public keys.'),
      issuer: nameOrNames.optional().describe('The expected iss.'),
      audience: nameOrNames.optional().describe('The expected aud.'),
      user: path.default(['sub']).describe('The way to the user id in the claims.'),
      clockTolerance: z.int().min(0).max(600).default(5).describe('Seconds by which clocks may differ.'),
      cookie: z
        .string()
        .min(1)
        .optional()
        .describe('A cookie that may carry the token, beside auth.token and Authorization: Bearer.'),
      info: infoSchema(path, 'the claims'),
    })
    .superRefine((jwt, context) => {
      const given = (['secret', 'secretBase64', 'jwks', 'jwksUrl'] as const).filter((key) => jwt[key] !== undefined)
      const [key] = given
      const complain = (key: 'secret' | 'secretBase64' | 'algorithms', message: string) =>
        context.addIssue({ code: 'custom', path: [key], input: jwt[key], message })
      if (key === undefined || given.length > 1)
        return complain('secret', 'one of secret, secretBase64, jwks and jwksUrl')
      const isSecret = key === 'secret' || key === 'secretBase64'
      const fitting: readonly string[] = isSecret ? SECRET_ALGORITHMS : KEY_ALGORITHMS
      if (jwt.algorithms?.every((algorithm) => fitting.includes(algorithm)) === false) {
        complain('algorithms', isSecret ? 'HS algorithms for a secret' : 'algorithms with public keys, none of HS')
      }
      const bytes = Buffer.from(jwt.secret ?? jwt.secretBase64 ?? '', key === 'secretBase64' ? 'base64' : 'utf8').length
      if (isSecret && bytes < MIN_SECRET_BYTES) complain(key, 'a secret of 32 bytes or more')
    })
    .describe('JSON Web Tokens.')
}
