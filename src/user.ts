import { sessionRefused } from './core/errors.ts'
import type { SessionResolver } from './core/ports.ts'
import type { Handshake, Session } from './core/session.ts'

/**
 * Who is this? The resolvers are asked in the order of the configuration; the first one whose kind of credential is
 * there decides, also when it refuses: a forged cookie is not forgiven because a token came along.
 * @throws GatewayError `session.missing`, `session.invalid`, `session.expired`, `store.unavailable`
 */
export async function recognise(resolvers: readonly SessionResolver[], handshake: Handshake): Promise<Session> {
  for (const resolver of resolvers) {
    const session = await resolver.resolve(handshake)
    if (session === null) continue
    if (session.expiresAt !== undefined && session.expiresAt <= handshake.at) throw sessionRefused('EXPIRED')
    return session
  }
  throw sessionRefused('NO_COOKIE')
}
