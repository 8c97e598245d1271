import fc from 'fast-check'
import { SignJWT } from 'jose'
import { type JwtOptions, jwt } from '../../../src/sessions/jwt.ts'
import { expectOutcome, handshakeAt, jwtFixtures, outcomeOf } from '../../fixtures/sessionFixtures.ts'
import { fuzz } from '../../support/fuzz.ts'

const KEY = new TextEncoder().encode('thirty-two bytes are the minimum')
const OTHER_KEY = new TextEncoder().encode('another secret of thirty-two bytes')
const NOW = 1_750_000_000

describe('tokens that jose made', () => {
  test.each(jwtFixtures)('$name', async ({ clock, config, token, expected }) => {
    const resolver = jwt({
      key: config.jwks ?? Buffer.from(config.secretBase64 ?? '', 'base64'),
      algorithms: config.algorithms,
      issuer: config.issuer,
      audience: config.audience,
      user: [config.userIdClaim],
      clockTolerance: config.clockTolerance,
      cookie: 'access_token',
    })
    const ways = [{ token }, { authorization: `Bearer ${token}` }, { cookie: `access_token=${token}` }]
    for (const way of ways) expectOutcome(await outcomeOf(resolver.resolve(handshakeAt(clock, way))), expected)
  })
})

test('a handshake without a token is left to the next resolver', async () => {
  const resolver = jwt({ key: KEY, cookie: 'token' })
  for (const brought of [{}, { token: '' }, { authorization: 'Basic dTpw' }, { cookie: 'token=; other=1' }])
    expect(await resolver.resolve(handshakeAt(NOW, brought))).toBeNull()
})

test('without a cookie in the configuration no cookie is looked at', async () => {
  expect(await jwt({ key: KEY }).resolve(handshakeAt(NOW, { cookie: `token=${await tokenOf({})}` }))).toBeNull()
})

test('auth.token counts before Authorization, and that before the cookie', async () => {
  const [first, second, third] = await Promise.all(['1', '2', '3'].map((sub) => tokenOf({ sub })))
  const resolver = jwt({ key: KEY, cookie: 'token' })
  const all = { token: first, authorization: `bearer ${second}`, cookie: `token=${third}` }
  expect(await outcomeOf(resolver.resolve(handshakeAt(NOW, all)))).toMatchObject({ userId: '1' })
  expect(await outcomeOf(resolver.resolve(handshakeAt(NOW, { ...all, token: '' })))).toMatchObject({
    userId: '2',
  })
  expect(await outcomeOf(resolver.resolve(handshakeAt(NOW, { cookie: `token=old; token=${third}` })))).toMatchObject({
    userId: '3',
  })
})

test('a session ends with its token', async () => {
  const session = await jwt({ key: KEY }).resolve(handshakeAt(NOW, { token: await tokenOf({ exp: NOW + 60 }) }))
  expect(session).toEqual({ user: { id: '42' }, via: 'jwt', expiresAt: (NOW + 60) * 1000 })
})

test('what the tolerance lets in may stay as long as the tolerance', async () => {
  const token = await tokenOf({ exp: NOW - 3 })
  const session = await jwt({ key: KEY }).resolve(handshakeAt(NOW, { token }))
  expect(session?.expiresAt).toBe((NOW + 2) * 1000)
  expect(await resolve(token, { clockTolerance: 0 })).toEqual({ ok: false, error: 'EXPIRED' })
})

test.each<[string, Record<string, unknown>, string]>([
  ['no end', { exp: undefined }, 'MALFORMED'],
  ['an end that is no number', { exp: 'tomorrow' }, 'MALFORMED'],
  ['a beginning in the future', { nbf: NOW + 60 }, 'NOT_YET_VALID'],
  ['a beginning that is no number', { nbf: 'soon' }, 'MALFORMED'],
  ['no issuer', { iss: undefined }, 'BAD_CLAIM'],
  ['another issuer', { iss: 'https://else.example' }, 'BAD_CLAIM'],
  ['no audience', { aud: undefined }, 'BAD_CLAIM'],
  ['another audience', { aud: ['a', 'b'] }, 'BAD_CLAIM'],
  ['no subject', { sub: undefined }, 'NO_USER'],
  ['an empty subject', { sub: '' }, 'NO_USER'],
  ['a subject that is a list', { sub: ['42'] }, 'NO_USER'],
  ['a subject that is true', { sub: true }, 'NO_USER'],
  ['a subject with a fraction', { sub: 4.2 }, 'NO_USER'],
  ['a subject beyond 2^53, which JSON rounds', { sub: 2 ** 53 }, 'NO_USER'],
  ['a subject of 201 bytes', { sub: 'x'.repeat(201) }, 'NO_USER'],
])('a token with %s is refused', async (_, claims, error) => {
  const token = await tokenOf({ iss: 'https://login.example', aud: 'heraldo', ...claims })
  const expected = { issuer: ['https://login.example', 'https://login2.example'], audience: 'heraldo' }
  expect(await resolve(token, expected)).toEqual({ ok: false, error })
})

test('a whole number is a user id', async () => {
  expect(await resolve(await tokenOf({ sub: 42 }))).toEqual({ ok: true, userId: '42' })
})

test('the user id may lie deeper, and only in what the token itself holds', async () => {
  const token = await tokenOf({ user: { id: 'u-7' }, roles: ['a'] })
  expect(await resolve(token, { user: ['user', 'id'] })).toEqual({ ok: true, userId: 'u-7' })
  for (const user of [
    ['user', 'constructor', 'name'],
    ['__proto__'],
    ['toString', 'name'],
    ['user', 'id', 'length'],
    ['roles', 'length'],
    ['roles', '0'],
  ])
    expect(await resolve(token, { user })).toEqual({ ok: false, error: 'NO_USER' })
})

test.each(['HS256', 'HS384', 'HS512'])('%s is taken when it is asked for, and only then', async (algorithm) => {
  const token = await tokenOf({}, KEY, algorithm)
  const wide = new Uint8Array(64).fill(7)
  expect(await resolve(await tokenOf({}, wide, algorithm), { key: wide, algorithms: [algorithm] })).toMatchObject({
    ok: true,
  })
  const others = ['HS256', 'HS384', 'HS512'].filter((other) => other !== algorithm)
  expect(await resolve(token, { algorithms: others })).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
})

test('a token signed with another secret is forged', async () => {
  expect(await resolve(await tokenOf({}, OTHER_KEY))).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
})

test('a token changed anywhere is not taken', async () => {
  const token = await tokenOf({})
  const resolver = jwt({ key: KEY })
  for (let at = 0; at < token.length - 1; at++) {
    const changed = token.slice(0, at) + (token.charAt(at) === 'A' ? 'B' : 'A') + token.slice(at + 1)
    const outcome = await outcomeOf(resolver.resolve(handshakeAt(NOW, { token: changed })))
    expect(outcome.ok).toBe(false)
  }
})

test('whatever is sent as a token, the answer is a coded refusal (fuzz)', async () => {
  const resolver = jwt({ key: KEY, cookie: 'token' })
  const part = fc.oneof(
    fc.string(),
    fc.base64String(),
    fc.json().map((json) => Buffer.from(json).toString('base64url')),
  )
  await fuzz(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
      ),
      async (token) => {
        const outcome = await outcomeOf(resolver.resolve(handshakeAt(NOW, { token })))
        expect(outcome.ok).toBe(false)
      },
    ),
  )
})

test('a token longer than any header is refused unread', async () => {
  expect(await resolve('x'.repeat(16_385))).toEqual({ ok: false, error: 'LIMIT' })
})

test.each<[string, Partial<JwtOptions>, RegExp]>([
  ['a secret of 31 bytes', { key: KEY.subarray(1) }, /31 bytes/],
  ['an empty secret', { key: new Uint8Array() }, /0 bytes/],
  ['an algorithm for public keys with a secret', { algorithms: ['RS256'] }, /RS256/],
  ['no signature at all', { algorithms: ['none'] }, /none/],
  ['an algorithm for secrets with public keys', { key: { keys: [] }, algorithms: ['HS256'] }, /HS256/],
  ['no algorithm', { algorithms: [] }, /none/],
  ['no way to the user', { user: [] }, /user id/],
])('%s is refused when the gateway starts', (_, wrong, sentence) => {
  expect(() => jwt({ key: KEY, ...wrong })).toThrow(sentence)
})

function resolve(token: string, options: Partial<JwtOptions> = {}) {
  return outcomeOf(jwt({ key: KEY, ...options }).resolve(handshakeAt(NOW, { token })))
}

function tokenOf(claims: Record<string, unknown>, key = KEY, algorithm = 'HS256'): Promise<string> {
  const payload = { sub: '42', exp: NOW + 60, ...claims }
  return new SignJWT(payload).setProtectedHeader({ alg: algorithm }).sign(key)
}
