import { type AuthTktOptions, authTkt } from '../../../src/sessions/authTkt.ts'
import { handshakeAt, outcomeOf } from '../../fixtures/sessionFixtures.ts'
import { repozeSignIn, type SignIn } from '../../support/repozeWho.ts'

const SECRET = 'secret of the web application'
const OPTIONS: AuthTktOptions = {
  cookie: 'auth_tkt',
  secret: SECRET,
  digest: 'md5',
  includeIp: false,
  timeout: null,
  maxClockSkew: 300,
  userData: 'pipe',
}

test.each([
  ['a text', "'user-1001'", {}],
  ['a text beyond ASCII', "'usuario-\\u00f1and\\u00fa \\U0001f680'", {}],
  ['a text full of punctuation', "'a b%25/c+d&e=f!|,;\\\\\"'", {}],
  ['a number', '42', {}],
  ['a number beyond 2^53', '2 ** 53 + 1', {}],
  ['somebody with tokens', "'42'", { tokens: ['editors', 'staff'] }],
  ['somebody with user data', "'42'", { userdata: 'plan=basic|team=7' }],
  ['somebody with user data beyond ASCII', "'42'", { userdata: 'plan=ñ' }],
])('whoever repoze.who signed in is recognised: %s', async (_, user, more) => {
  const { cookies, seen } = await signIn({ user, ...more })
  expect(seen).not.toBeNull()
  expect(cookies).toHaveLength(3)
  for (const cookie of cookies) expect(await who(cookie)).toEqual({ ok: true, userId: seen })
  expect(await who(cookies.join('; '))).toEqual({ ok: true, userId: seen })
})

test('a ticket that is bound to an address is good from there alone', async () => {
  const { cookies } = await signIn({ includeIp: true })
  const cookie = cookies.join('; ')
  const from = (remoteAddress: string) => who(cookie, { includeIp: true }, { remoteAddress })
  expect(await from('203.0.113.9')).toEqual({ ok: true, userId: '42' })
  expect(await from('::ffff:203.0.113.9')).toEqual({ ok: true, userId: '42' })
  expect(await from('203.0.113.8')).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
  expect(await who(cookie)).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
})

test('its session ends with the timeout of the application', async () => {
  const { cookies } = await signIn({})
  const at = (seconds: number) => handshakeAt(Math.floor(Date.now() / 1000) + seconds, { cookie: cookies.join('; ') })
  const resolver = authTkt({ ...OPTIONS, timeout: 600 })
  const session = await resolver.resolve(at(0))
  const seconds = ((session?.expiresAt ?? 0) - Date.now()) / 1000
  expect(seconds).toBeGreaterThan(580)
  expect(seconds).toBeLessThanOrEqual(600)
  expect(await outcomeOf(resolver.resolve(at(601)))).toEqual({ ok: false, error: 'EXPIRED' })
})

test('the ticket of another application is none', async () => {
  const { cookies } = await signIn({ secret: 'another' })
  expect(await who(cookies.join('; '))).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
})

const signIn = (request: Partial<SignIn>) =>
  repozeSignIn({ secret: SECRET, user: "'42'", address: '203.0.113.9', ...request })

const who = (cookie: string, options: Partial<AuthTktOptions> = {}, from: { remoteAddress?: string } = {}) =>
  outcomeOf(authTkt({ ...OPTIONS, ...options }).resolve(handshakeAt(Date.now() / 1000, { cookie, ...from })))
