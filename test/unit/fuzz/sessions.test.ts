import { createHash, createHmac } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { isUserId } from '../../../src/core/address.ts'
import { GatewayError } from '../../../src/core/errors.ts'
import type { SessionResolver, SessionStore } from '../../../src/core/ports.ts'
import type { Handshake } from '../../../src/core/session.ts'
import { authTkt } from '../../../src/sessions/authTkt.ts'
import { beaker } from '../../../src/sessions/beaker.ts'
import { readBeakerValue } from '../../../src/sessions/beakerValue.ts'
import { cookieValues } from '../../../src/sessions/cookies.ts'
import { expressSession } from '../../../src/sessions/expressSession.ts'
import { jwt } from '../../../src/sessions/jwt.ts'
import { handshakeAt, pickleFixtures } from '../../fixtures/sessionFixtures.ts'
import { bitten, fuzz, judged, judgedLater } from '../../support/fuzz.ts'

const NOW = 1_750_000_000
const SECRET = 'a secret of these tests, 32 bytes'
const ID = '0123456789abcdef0123456789abcdef'
const USER = ['user']

const word = fc.oneof(fc.constantFrom('42', '', 'ä', '__proto__', '\0', '\ud800', 'x'.repeat(201)), fc.string())
const numbers = fc.oneof(fc.constantFrom(42, NOW, NOW - 60, NOW + 60, -1, 1e308, 2 ** 53), fc.double())
const anything = fc.oneof(word, numbers, fc.jsonValue({ maxDepth: 2 }))
const session = fc.record({ user: anything, _accessed_time: anything }, { requiredKeys: [] })
const json = fc
  .oneof({ weight: 3, arbitrary: session }, { weight: 1, arbitrary: fc.jsonValue() })
  .map((value) => Buffer.from(JSON.stringify(value)))
const pickle = fc.constantFrom(
  ...pickleFixtures.map((fixture) => fixture.pickle).filter(({ length }) => length < 5_000),
)
const base64 = (inner: fc.Arbitrary<Buffer>) => inner.map((bytes) => bytes.toString('base64'))
const within = fc.oneof(
  base64(json.map((bytes) => deflateSync(bytes))),
  base64(bitten(json.map((bytes) => deflateSync(bytes)))),
  base64(bitten(pickle)),
  fc.base64String(),
  fc.constant(deflateSync(Buffer.alloc(2_000_000, ' ')).toString('base64')),
)
/** Beaker's ways: JSON or a pickle, plain or as base64 in a text that is itself JSON or a pickle. */
const beakerValue = fc.oneof(
  json,
  bitten(json),
  bitten(pickle),
  within.map((text) => Buffer.from(`"${text}"`)),
  bitten(within.map((text) => Buffer.from(`"${text}"`))),
  within.map((text) => Buffer.concat([Buffer.from([0x80, 2, 0x58]), u32(text.length), Buffer.from(`${text}.`)])),
  fc.uint8Array({ maxLength: 60 }).map(Buffer.from),
)

test('whatever Beaker’s store holds, it is read as a session or refused with a reason (fuzz)', () => {
  const verdicts = new Set<string | undefined>()
  fuzz(
    fc.property(beakerValue, (stored) => {
      const value = judged(() => readBeakerValue(stored))
      const verdict = value instanceof GatewayError ? value.reason : value.t
      expect(['dict', 'MALFORMED', 'LIMIT', 'UNSAFE', 'UNSUPPORTED']).toContain(verdict)
      verdicts.add(verdict)
    }),
  )
  expect(verdicts).toContain('dict')
  expect(verdicts).toContain('LIMIT')
})

test('behind a genuine Beaker cookie any stored bytes are a user or a coded refusal (fuzz)', () => {
  const cookie = `sid=${createHmac('sha1', SECRET).update(ID).digest('hex')}${ID}`
  const options = { cookie: 'sid', secret: SECRET, key: '{id}', user: USER }
  return everyAnswerIsSound(
    fc.tuple(beakerValue, fc.constantFrom(null, 60)).map(([stored, timeout]) => ({
      resolver: beaker({ ...options, timeout }, storeOf(stored)),
      brought: { cookie },
    })),
  )
})

test('behind a genuine express-session cookie any stored bytes are a user or a coded refusal (fuzz)', () => {
  const signature = createHmac('sha256', SECRET).update(ID).digest('base64').replace('=', '')
  const cookie = `sid=${encodeURIComponent(`s:${ID}.${signature}`)}`
  return everyAnswerIsSound(
    fc.oneof(json, bitten(json), beakerValue).map((stored) => ({
      resolver: expressSession({ cookie: 'sid', secret: SECRET, key: '{id}', user: USER }, storeOf(stored)),
      brought: { cookie },
    })),
  )
})

test('whatever stands in a genuine ticket is a user or a coded refusal (fuzz)', () => {
  const userData = fc
    .array(
      fc.constantFrom('userid_type', ':', '=', '|', '&', 'int', 'b64unicode', 'b64str', 'unicode', '%zz', '+', 'é'),
      { maxLength: 6 },
    )
    .map((parts) => parts.join(''))
  const typed = fc.constantFrom('userid_type:int', 'userid_type:b64unicode', 'userid_type:b64str', 'userid_type=int')
  const userId = fc.oneof(
    word.map((text) => Buffer.from(text)),
    fc.bigInt().map((id) => Buffer.from(`${id}`)),
    word.map((text) => Buffer.from(Buffer.from(text).toString('base64'))),
    fc.uint8Array({ maxLength: 20 }).map(Buffer.from),
  )
  const time = fc.oneof(fc.constantFrom(NOW, NOW - 61, NOW + 301), fc.nat(0xffffffff))
  const format = fc.constantFrom<('pipe' | 'urlencoded' | 'raw')[]>('pipe', 'urlencoded', 'raw')
  const options = { cookie: 'sid', secret: SECRET, digest: 'sha256', includeIp: false, maxClockSkew: 300 } as const
  return everyAnswerIsSound(
    fc
      .tuple(userId, fc.oneof(typed, userData), time, format, fc.constantFrom(null, 60))
      .map(([id, data, at, written, timeout]) => ({
        resolver: authTkt({ ...options, timeout, userData: written }),
        brought: { cookie: `sid=${ticket(id, data, at)}` },
      })),
  )
})

test('whatever a genuine token claims, it is a user or a coded refusal (fuzz)', () => {
  const resolver = jwt({ key: Buffer.from(SECRET), user: USER, issuer: 'a', cookie: 'sid' })
  const likely = fc.constantFrom(NOW + 60, NOW + 60, NOW, NOW - 4, NOW - 6, 1e308)
  const claims = fc.record(
    { user: anything, exp: fc.oneof(likely, anything), nbf: anything, iat: anything, iss: fc.constantFrom('a', 'b') },
    { requiredKeys: ['user', 'exp', 'iss'] },
  )
  const header = fc.record(
    {
      alg: fc.oneof({ weight: 20, arbitrary: fc.constant('HS256') }, { weight: 1, arbitrary: anything }),
      typ: anything,
      crit: fc.oneof(fc.constantFrom(['b64'], ['exp'], []), anything),
      b64: fc.oneof(fc.boolean(), anything),
      zip: anything,
    },
    { requiredKeys: ['alg'] },
  )
  const plain = fc.constant({ alg: 'HS256' })
  const printed = (values: fc.Arbitrary<unknown>) => values.map((value) => Buffer.from(JSON.stringify(value)))
  return everyAnswerIsSound(
    fc
      .tuple(printed(fc.oneof(plain, header)), fc.oneof(printed(claims), printed(claims), bitten(printed(claims))))
      .map(([head, body]) => ({ resolver, brought: { token: token(head, body) } })),
  )
})

test('whatever the Cookie header holds, every way of signing in reads it or refuses it with a code (fuzz)', async () => {
  const key = Buffer.from(SECRET)
  const store = storeOf(Buffer.from('{"user":"42"}'))
  const common = { cookie: 'sid', secret: SECRET, key: '{id}', user: USER }
  const ticketOptions = { digest: 'md5', includeIp: true, timeout: 60, maxClockSkew: 0, userData: 'pipe' } as const
  const resolvers = [
    beaker({ ...common, timeout: 60 }, store),
    beaker({ ...common, secret: null, timeout: null }, store),
    expressSession(common, store),
    authTkt({ ...common, ...ticketOptions }),
    jwt({ key, cookie: 'sid' }),
  ]
  const parts = ['sid=', 'sid', '=', ';', '; ', '"', '\\', '\\054', '%', '%41', 's:', '.', '!', ID, '\0', 'é', 'ā', ',']
  const part = fc.oneof(fc.constantFrom(...parts), fc.string({ maxLength: 3 }))
  const short = fc.array(part, { maxLength: 25 }).map((all) => all.join(''))
  const long = fc
    .tuple(fc.constantFrom('sid=1;', ' ', 'sid="', ID), fc.nat(11_000))
    .map(([part, times]) => part.repeat(times))
  const header = fc.oneof({ weight: 20, arbitrary: short }, { weight: 1, arbitrary: long })
  await fuzz(
    fc.asyncProperty(header, fc.constantFrom('127.0.0.1', '::1', '', '999.1.1.1'), async (cookie, remoteAddress) => {
      const values = judged(() => cookieValues(cookie, 'sid'))
      if (!(values instanceof GatewayError)) {
        expect(values.length).toBeLessThanOrEqual(8)
        for (const value of values) expect(value).not.toMatch(/;|^$/)
      }
      for (const resolver of resolvers) await soundAnswer(resolver, { cookie, remoteAddress })
    }),
  )
})

interface Case {
  readonly resolver: SessionResolver
  readonly brought: Partial<Handshake>
}

/** Both users and refusals must come of the cases, or nothing was tried. */
async function everyAnswerIsSound(cases: fc.Arbitrary<Case>): Promise<void> {
  const verdicts = new Set<boolean>()
  await fuzz(
    fc.asyncProperty(cases, async ({ resolver, brought }) => {
      verdicts.add(await soundAnswer(resolver, brought))
    }),
  )
  expect(verdicts.size).toBe(2)
}

async function soundAnswer(resolver: SessionResolver, brought: Partial<Handshake>): Promise<boolean> {
  const handshake = handshakeAt(NOW, brought)
  const answer = await judgedLater(() => resolver.resolve(handshake))
  if (answer === null) return false
  if (answer instanceof GatewayError) {
    expect(`${answer.code} ${answer.reason}`).toMatch(/^session\.\w+ [A-Z_]+$/)
    return false
  }
  expect(isUserId(answer.user.id)).toBe(true)
  if (answer.expiresAt !== undefined) expect(answer.expiresAt).toBeGreaterThan(handshake.at)
  return true
}

function ticket(userId: Buffer, userData: string, time: number): string {
  const bound = Buffer.alloc(8)
  bound.writeUInt32BE(time, 4)
  const data = Buffer.from(userData, 'latin1')
  const inner = createHash('sha256')
    .update(bound)
    .update(SECRET)
    .update(userId)
    .update('\0\0')
    .update(data)
    .digest('hex')
  const outer = createHash('sha256').update(inner).update(SECRET).digest('hex')
  const written = userId.toString('hex').replace(/../g, '%$&')
  return `${outer}${time.toString(16).padStart(8, '0')}${written}!${userData}`
}

function token(header: Buffer, claims: Buffer): string {
  const signed = `${header.toString('base64url')}.${claims.toString('base64url')}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}

function storeOf(value: Uint8Array): SessionStore {
  return { lookup: async () => value, isUp: () => true, close: async () => {} }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
