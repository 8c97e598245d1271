import { SignJWT } from 'jose'
import type { SessionConfig } from '../config/schema.ts'

/** A token for this user that the first `jwt` resolver takes whose secret we know; null when there is none. */
export async function signToken(
  sessions: readonly SessionConfig[],
  user: string,
  ttlSeconds: number,
): Promise<string | null> {
  const jwt = sessions.find(
    (session) => session.use === 'jwt' && (session.secret ?? session.secretBase64) !== undefined,
  )
  if (jwt?.use !== 'jwt') return null
  const { algorithms, issuer, audience } = jwt
  const claims = jwt.user.reduceRight<unknown>((inner, key) => ({ [key]: inner }), user)
  const token = new SignJWT(claims as Record<string, unknown>)
    .setProtectedHeader({ alg: algorithms?.[0] ?? 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime(`${ttlSeconds}s`)
  if (issuer !== undefined) token.setIssuer(firstOf(issuer))
  if (audience !== undefined) token.setAudience(firstOf(audience))
  return token.sign(Buffer.from(jwt.secret ?? jwt.secretBase64 ?? '', jwt.secret === undefined ? 'base64' : 'utf8'))
}

const firstOf = (value: string | readonly string[]) => (typeof value === 'string' ? value : (value[0] ?? ''))
