import { requirePython, runPython } from './python.ts'

export interface SignIn {
  readonly secret: string
  /** A Python expression. */
  readonly user: string
  readonly address?: string
  readonly includeIp?: boolean
  readonly tokens?: readonly string[]
  readonly userdata?: string
}

/** Signs a user in as repoze.who's middleware does. Prints the Set-Cookie headers, and whom it recognises itself. */
const APPLICATION = `
import json, sys
from repoze.who.plugins.auth_tkt import AuthTktCookiePlugin
do = json.loads(sys.argv[1])
environ = {'REMOTE_ADDR': do.get('address', '127.0.0.1'), 'HTTP_HOST': 'www.example.org', 'SERVER_NAME': 'www.example.org'}
plugin = AuthTktCookiePlugin(do['secret'], 'auth_tkt', include_ip=do.get('includeIp', False))
identity = {'repoze.who.userid': eval(do['user']), 'tokens': tuple(do.get('tokens', [])), 'userdata': do.get('userdata', '')}
cookies = [value for name, value in plugin.remember(environ, identity)]
environ['HTTP_COOKIE'] = cookies[0].split(';')[0]
seen = plugin.identify(environ)
print(json.dumps({'cookies': cookies, 'seen': None if seen is None else str(seen['repoze.who.plugins.auth_tkt.userid'])}))
`

/**
 * Real repoze.who signs somebody in. The cookies are as a browser sends them back, one for each domain that it sets;
 * Python's characters in a header are bytes on the wire, as Node's are.
 */
export async function repozeSignIn(request: SignIn): Promise<{ cookies: readonly string[]; seen: string | null }> {
  const python = requirePython('repoze.who.plugins.auth_tkt')
  const { cookies, seen } = JSON.parse(await runPython(python, APPLICATION, [JSON.stringify(request)]))
  return { cookies: cookies.map((cookie: string) => cookie.split(';')[0]), seen }
}
