import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { type AuthTktOptions, authTkt } from '../../../src/sessions/authTkt.ts'
import { authTktFixtures, expectOutcome, handshakeAt, outcomeOf } from '../../fixtures/sessionFixtures.ts'
import { fuzz } from '../../support/fuzz.ts'

const SECRET = 'a secret of this test'
const NOW = 1_750_000_000
const OPTIONS: AuthTktOptions = {
  cookie: 'auth_tkt',
  secret: SECRET,
  digest: 'sha512',
  includeIp: false,
  timeout: null,
  maxClockSkew: 300,
  userData: 'pipe',
}

describe('tickets that real libraries made', () => {
  test.each(authTktFixtures)('$name', async ({ clock, config, remoteAddr, cookieHeader, expected }) => {
    const resolver = authTkt({
      cookie: config.cookieName,
      secret: config.secret,
      digest: config.digestAlgo,
      includeIp: config.includeIp,
      timeout: config.timeout,
      maxClockSkew: config.maxClockSkew ?? 300,
      userData: config.userDataFormat,
    })
    const handshake = handshakeAt(clock, { cookie: cookieHeader, remoteAddress: remoteAddr })
    expectOutcome(await outcomeOf(resolver.resolve(handshake)), expected)
  })
})

test('a handshake without the cookie is left to the next resolver', async () => {
  expect(await authTkt(OPTIONS).resolve(handshakeAt(NOW))).toBeNull()
  expect(await authTkt(OPTIONS).resolve(handshakeAt(NOW, { cookie: 'other=1; auth_tkt=; auth_tkt=""' }))).toBeNull()
})

test('while a secret rotates, tickets of the old and the new one are good, and of no other', async () => {
  const options = { secret: ['new secret', SECRET] }
  expect(await who(ticket({ secret: 'new secret' }), options)).toEqual({ ok: true, userId: '42' })
  expect(await who(ticket({}), options)).toEqual({ ok: true, userId: '42' })
  expect(await who(ticket({ secret: 'third' }), options)).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
})

test('of several tickets the good one counts wherever it stands, of two good ones the last, as in Python', async () => {
  const [mine, other] = [ticket({}), ticket({ userId: '43' })]
  for (const header of [`${mine}; auth_tkt=INVALID`, `INVALID; auth_tkt=${mine}`])
    expect(await who(header)).toEqual({ ok: true, userId: '42' })
  expect(await who(`${mine}; auth_tkt=${other}`)).toEqual({ ok: true, userId: '43' })
})

test('a genuine ticket that is too old says more than a forged one beside it', async () => {
  const old = ticket({ timestamp: NOW - 100 })
  for (const header of [`${old}; auth_tkt=forged`, `forged; auth_tkt=${old}`])
    expect(await who(header, { timeout: 60 })).toEqual({ ok: false, error: 'EXPIRED' })
})

test('a header full of tickets is refused', async () => {
  expect(await who(Array(9).fill(ticket({})).join('; auth_tkt='))).toEqual({ ok: false, error: 'LIMIT' })
})

test('a cookie whose value is percent-decoded by nobody is read as it was written', async () => {
  expect(await who(ticket({ written: 'a%20b%2525%21', userId: 'a b%25!' }))).toEqual({ ok: true, userId: 'a b%25!' })
})

describe('what a quoted cookie escapes', () => {
  const inQuotes = (text: string) => `"${text.replace(',', '\\054').replace('"', '\\"')}"`

  test('commas, quotes and backslashes are put back', async () => {
    expect(await who(inQuotes(ticket({ tokens: 'a,b' })))).toEqual({ ok: true, userId: '42' })
    expect(await who(inQuotes(ticket({ userData: 'x"y' })))).toEqual({ ok: true, userId: '42' })
    expect(await who(`"${ticket({ userData: 'x\\y' }).replace('\\', '\\\\')}"`)).toEqual({ ok: true, userId: '42' })
  })

  test('text beyond ASCII is good as the bytes that were signed', async () => {
    const genuine = ticket({ userData: 'plan=ñ' })
    expect(await who(`"${genuine.replace('ñ', '\\303\\261')}"`)).toEqual({ ok: true, userId: '42' })
    expect(await who(Buffer.from(genuine).toString('latin1'))).toEqual({ ok: true, userId: '42' })
    expect(await who(genuine)).toEqual({ ok: true, userId: '42' })
    expect(await who(genuine.replace('ñ', 'ò'))).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
  })

  test.each(['\\000', '\\012', '\\177', '\\001'])(
    'a control character is refused, however it is written: %s',
    async (written) => {
      const character = String.fromCharCode(Number.parseInt(written.slice(1), 8))
      const genuine = ticket({ userData: `a${character}b` })
      expect(await who(`"${genuine.replace(character, written)}"`)).toEqual({ ok: false, error: 'MALFORMED' })
      const inId = ticket({ written: `a%${Buffer.from(character).toString('hex')}`, userId: `a${character}` })
      expect(await who(inId)).toEqual({ ok: false, error: 'MALFORMED' })
    },
  )

  test('a genuine ticket cannot be cut anew at a NUL, anywhere', async () => {
    const { digest, time } = parts(ticket({ written: 'root%00x%00y', userId: 'root\0x\0y' }))
    for (const forged of [
      'root!x!y',
      'root%00x!y',
      'root!\\000x\\000y',
      'root!x!\\000y',
      'root!x\\000y!',
      'root!x\\000!y',
    ])
      expect((await who(`"${digest}${time}${forged}"`)).ok).toBe(false)
  })

  test('a character that is no byte is not cut down to one that is', async () => {
    expect(await who(ticket({}).replace('!', '\u0121'))).toEqual({ ok: false, error: 'MALFORMED' })
  })
})

describe('the shape of a ticket', () => {
  const { digest, time, rest } = parts(ticket({}))
  test.each([
    ['a timestamp in upper case', `${digest}${time.toUpperCase()}${rest}`, 'MALFORMED'],
    ['a timestamp with 0x', `${digest}0x${time.slice(2)}${rest}`, 'MALFORMED'],
    ['a timestamp with a sign', `${digest}+${time.slice(1)}${rest}`, 'MALFORMED'],
    ['a timestamp with a space', `${digest} ${time.slice(1)}${rest}`, 'MALFORMED'],
    ['no end of the user id', `${digest}${time}42`, 'MALFORMED'],
    ['a percent sign that encodes nothing', `${digest}${time}4%2!`, 'MALFORMED'],
    ['nothing but a digest', digest, 'MALFORMED'],
    ['a digest in upper case', `${digest.toUpperCase()}${time}${rest}`, 'BAD_SIGNATURE'],
    ['a digest of another length', parts(ticket({ digest: 'md5' }), 32).whole, 'MALFORMED'],
  ])('with %s it is refused', async (_, value, error) => {
    expect(await who(value)).toEqual({ ok: false, error })
  })

  test('no tokens may be written with their exclamation mark or without it', async () => {
    expect(await who(`${digest}${time}42!!`)).toEqual({ ok: true, userId: '42' })
  })

  test('a user id whose bytes are not UTF-8 is refused', async () => {
    const raw = ticket({ written: '%F1', userId: Buffer.of(0xf1) })
    expect(await who(raw)).toEqual({ ok: false, error: 'MALFORMED' })
  })
})

describe('the age of a ticket', () => {
  const at = (seconds: number, options: Partial<AuthTktOptions>) =>
    authTkt({ ...OPTIONS, ...options }).resolve(handshakeAt(seconds, { cookie: `auth_tkt=${ticket({})}` }))

  test('with a timeout the session ends with it, in milliseconds', async () => {
    expect((await at(NOW + 5, { timeout: 60 }))?.expiresAt).toBe((NOW + 60) * 1000)
    expect((await at(NOW + 5, {}))?.expiresAt).toBeUndefined()
  })

  test('at its very end it counts, a moment later it does not', async () => {
    expect((await at(NOW + 60, { timeout: 60 }))?.expiresAt).toBeGreaterThan((NOW + 60) * 1000)
    expect(await outcomeOf(at(NOW + 60.001, { timeout: 60 }))).toEqual({ ok: false, error: 'EXPIRED' })
  })

  test('from the future it counts as far as clocks may differ', async () => {
    expect(await outcomeOf(at(NOW - 300, {}))).toEqual({ ok: true, userId: '42' })
    expect(await outcomeOf(at(NOW - 301, {}))).toEqual({ ok: false, error: 'NOT_YET_VALID' })
    expect(await outcomeOf(at(NOW - 301, { timeout: 60, maxClockSkew: 301 }))).toEqual({ ok: true, userId: '42' })
  })
})

describe('the address that a ticket is bound to', () => {
  const bound = { includeIp: true }
  const from = (remoteAddress: string, value: string) =>
    outcomeOf(
      authTkt({ ...OPTIONS, ...bound }).resolve(handshakeAt(NOW, { cookie: `auth_tkt=${value}`, remoteAddress })),
    )

  test.each([
    ['203.0.113.9', '203.0.113.9', true],
    ['203.0.113.9', '::ffff:203.0.113.9', true],
    ['203.0.113.9', '::FFFF:203.0.113.9', true],
    ['203.0.113.9', '203.0.113.10', false],
    ['2001:db8::1f', '2001:db8::1f', true],
    ['2001:db8::1f', '2001:db8::1e', false],
  ])('%s, seen from %s: %s', async (address, remoteAddress, ok) => {
    expect((await from(remoteAddress, ticket({ address }))).ok).toBe(ok)
  })

  test.each(['', 'localhost', '1.2.3', '1.2.3.4.5', '256.1.1.1'])('%j is none, and refused', async (address) => {
    expect(await from(address, ticket({}))).toEqual({ ok: false, error: 'MALFORMED' })
  })
})

describe('the user id', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64').replaceAll('=', '%3D')
  const written = (id: string) => decodeURIComponent(id)

  test.each<[AuthTktOptions['userData'], string, string, string]>([
    ['pipe', '007', 'userid_type:int', '7'],
    ['pipe', '-7', 'userid_type:int', '-7'],
    ['pipe', '123456789012345678901234567890', 'x|userid_type:int', '123456789012345678901234567890'],
    ['pipe', 'a%20b', 'userid_type:unicode', 'a b'],
    ['pipe', base64('ñandú 🚀'), 'userid_type:b64unicode', 'ñandú 🚀'],
    ['pipe', base64('user'), 'a|userid_type:b64str|b', 'user'],
    ['pipe', 'dXNlcg%3D%3D', 'userid_type:else', 'dXNlcg=='],
    ['pipe', '007', 'userid_type=int', '007'],
    ['urlencoded', '007', 'a=1&userid_type=int', '7'],
    ['urlencoded', 'dXNlcg%3D%3D', 'userid_type=b64unicode', 'dXNlcg=='],
    ['raw', '007', 'userid_type:int', '007'],
    ['pipe', '__proto__', '', '__proto__'],
  ])('%s: %s with %j is %s', async (userData, id, data, userId) => {
    const value = ticket({ written: id, userId: written(id), userData: data })
    expect(await who(value, { userData })).toEqual({ ok: true, userId })
  })

  test.each([
    ['4_2', 'userid_type:int', 'MALFORMED'],
    ['0x42', 'userid_type:int', 'MALFORMED'],
    ['', 'userid_type:int', 'MALFORMED'],
    ['9'.repeat(201), 'userid_type:int', 'MALFORMED'],
    ['dXNlcg', 'userid_type:b64unicode', 'MALFORMED'],
    ['dXN*cg==', 'userid_type:b64unicode', 'MALFORMED'],
    ['8Q==', 'userid_type:b64unicode', 'MALFORMED'],
    [Buffer.from('root\0').toString('base64'), 'userid_type:b64unicode', 'MALFORMED'],
    ['', 'userid_type:b64unicode', 'NO_USER'],
    ['', '', 'NO_USER'],
    ['x'.repeat(201), '', 'NO_USER'],
  ])('%s with %j is none', async (userId, userData, error) => {
    const value = ticket({ written: encodeURIComponent(userId), userId, userData })
    expect(await who(value)).toEqual({ ok: false, error })
  })
})

test.each([
  ['an empty secret', { secret: '' }],
  ['an empty list of secrets', { secret: [] }],
  ['an empty secret among others', { secret: [SECRET, ''] }],
])('%s is refused when the gateway starts', (_, wrong) => {
  expect(() => authTkt({ ...OPTIONS, ...wrong })).toThrow(/^authTkt: /)
})

describe('whatever a cookie holds', () => {
  const genuine = ticket({ tokens: 'a,b', userData: 'x' })

  test('it is a coded refusal, never another user (fuzz)', async () => {
    await fuzz(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.string({ unit: 'binary' }),
          fc.string().map((tail) => genuine.slice(0, 136) + tail),
        ),
        async (value) => {
          const outcome = await who(value)
          expect(outcome.ok).toBe(false)
        },
      ),
    )
  })

  test('a genuine ticket that was changed anywhere says the same or nothing (fuzz)', async () => {
    await fuzz(
      fc.asyncProperty(
        fc.nat(genuine.length),
        fc.nat(3),
        fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('!', '\\000', '%00', '"', '\\', '%', ';', '\0')),
        async (at, removed, inserted) => {
          const value = genuine.slice(0, at) + inserted + genuine.slice(at + removed)
          for (const quoted of [value, `"${value}"`]) {
            const outcome = await who(quoted)
            if (outcome.ok) expect(outcome.userId).toBe('42')
          }
        },
      ),
    )
  })
})

function who(value: string, options: Partial<AuthTktOptions> = {}) {
  return outcomeOf(authTkt({ ...OPTIONS, ...options }).resolve(handshakeAt(NOW, { cookie: `auth_tkt=${value}` })))
}

interface Made {
  readonly digest?: 'md5' | 'sha512'
  readonly secret?: string
  readonly address?: string
  readonly timestamp?: number
  readonly userId?: string | Uint8Array
  /** The user id as it stands in the ticket, quoted. */
  readonly written?: string
  readonly tokens?: string
  readonly userData?: string
}

/** A ticket as the libraries make it. */
function ticket(made: Made): string {
  const { digest = 'sha512', secret = SECRET, address = '0.0.0.0', timestamp = NOW, userId = '42' } = made
  const { written = String(userId), tokens = '', userData = '' } = made
  const time = Buffer.alloc(4)
  time.writeUInt32BE(timestamp)
  const bound = address.includes(':')
    ? Buffer.from(`${address}${timestamp}`)
    : Buffer.concat([Buffer.from(address.split('.').map(Number)), time])
  const inner = createHash(digest).update(bound).update(secret).update(userId)
  inner.update('\0').update(tokens).update('\0').update(userData)
  const outer = createHash(digest).update(inner.digest('hex')).update(secret).digest('hex')
  return `${outer}${time.toString('hex')}${written}!${tokens === '' ? '' : `${tokens}!`}${userData}`
}

function parts(whole: string, length = 128) {
  return {
    whole,
    digest: whole.slice(0, length),
    time: whole.slice(length, length + 8),
    rest: whole.slice(length + 8),
  }
}
