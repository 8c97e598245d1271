import { SignJWT } from 'jose'
import { JWT_SECRET } from './gatewayProcess.ts'
import { requirePython, runPython } from './python.ts'

/** A JWT that the gateways of `startGateway` take. `seconds` until it expires; negative: it has expired. */
export function token(user: string, seconds = 3600, secret = JWT_SECRET): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + seconds
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setExpirationTime(exp)
    .sign(Buffer.from(secret))
}

export const BEAKER_SECRET = 'the secret of a Pylons application'

/** What the gateway is told about the application of `beakerCookie`. */
export const BEAKER = {
  use: 'beaker',
  cookie: 'notifsess',
  secret: BEAKER_SECRET,
  key: 'beaker_cache:{id}:session',
  user: ['repoze.who.tkt', 'user.id'],
  timeout: 1200,
}

/** Real Beaker logs a user in: the session lies pickled in Redis, and this is the browser's cookie header. */
export async function beakerCookie(redisUrl: string, user: string): Promise<string> {
  const script = `
import sys
from beaker.session import SessionObject
url, user, secret = sys.argv[1:]
session = SessionObject({}, key='notifsess', secret=secret, type='ext:redis', url=url, timeout=1200, use_cookies=True)
session['repoze.who.tkt'] = {'user.id': user, 'name': 'Ñandú'}
session.save()
session.persist()
print(session.__dict__['_sess'].request['cookie_out'].split(';')[0])
`
  return (await runPython(requirePython('beaker', 'redis'), script, [redisUrl, user, BEAKER_SECRET])).trim()
}
