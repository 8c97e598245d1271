import { createHmac } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { GatewayError } from '../../../src/core/errors.ts'
import type { SessionStore } from '../../../src/core/ports.ts'
import { type BeakerOptions, beaker } from '../../../src/sessions/beaker.ts'
import { beakerFixtures, expectOutcome, handshakeAt, outcomeOf } from '../../fixtures/sessionFixtures.ts'

const SECRET = 'a secret of this test'
const ID = '0123456789abcdef0123456789abcdef'
const OTHER_ID = 'fedcba9876543210fedcba9876543210'
const NOW = 1_750_000_000
const OPTIONS: BeakerOptions = { cookie: 'sid', secret: SECRET, key: 's:{id}', user: ['who', 'id'], timeout: null }

describe('sessions that real Beaker stored', () => {
  test.each(beakerFixtures)('$name', async ({ clock, config, cookieHeader, redisKey, redisValue, expected }) => {
    const store = storeOf(redisKey === undefined ? {} : { [redisKey]: Buffer.from(redisValue ?? '', 'base64') })
    const resolver = beaker(
      {
        cookie: config.cookieName,
        secret: config.secret,
        key: `${config.keyPrefix}{id}${config.keySuffix}`,
        user: config.userIdPath,
        timeout: config.timeout,
      },
      store,
    )
    const outcome = await outcomeOf(resolver.resolve(handshakeAt(clock, { cookie: cookieHeader })))
    expectOutcome(outcome, expected)
    if (expected.error === 'BAD_SIGNATURE') expect(store.asked).toEqual([])
  })
})

test('a handshake without the cookie is left to the next resolver', async () => {
  expect(await resolve('other=1', {})).toEqual({ ok: false, error: 'NO_COOKIE' })
  expect(await beaker(OPTIONS, storeOf({})).resolve(handshakeAt(NOW))).toBeNull()
})

test('while a secret rotates, cookies of the old and the new one are good, and of no other', async () => {
  const stored = { [`s:${ID}`]: sessionOf('"42"') }
  const options = { ...OPTIONS, secret: ['new secret', SECRET] }
  expect(await resolve(`sid=${signed(ID, 'new secret')}`, stored, options)).toEqual({ ok: true, userId: '42' })
  expect(await resolve(`sid=${signed(ID)}`, stored, options)).toEqual({ ok: true, userId: '42' })
  expect(await resolve(`sid=${signed(ID, 'third')}`, stored, options)).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
})

test('a quoted cookie is the cookie', async () => {
  expect(await resolve(`a=1; sid="${signed(ID)}"`, { [`s:${ID}`]: sessionOf('"42"') })).toEqual({
    ok: true,
    userId: '42',
  })
})

test('of several cookies with the name the good one counts, wherever it stands', async () => {
  const stored = { [`s:${ID}`]: sessionOf('"42"') }
  for (const others of [
    ['x', signed(OTHER_ID)],
    [signed(OTHER_ID), `${'0'.repeat(40)}${ID}`],
  ]) {
    const header = (...values: string[]) => values.map((value) => `sid=${value}`).join('; ')
    expect(await resolve(header(signed(ID), ...others), stored)).toEqual({ ok: true, userId: '42' })
    expect(await resolve(header(...others, signed(ID)), stored)).toEqual({ ok: true, userId: '42' })
  }
})

test('when both cookies are good the last one counts, as in Python', async () => {
  const stored = { [`s:${ID}`]: sessionOf('"42"'), [`s:${OTHER_ID}`]: sessionOf('"43"') }
  expect(await resolve(`sid=${signed(ID)}; sid=${signed(OTHER_ID)}`, stored)).toEqual({ ok: true, userId: '43' })
})

test('a genuine cookie whose session is gone says more than a forged one beside it', async () => {
  for (const header of [`sid=${signed(ID)}; sid=forged`, `sid=forged; sid=${signed(ID)}`])
    expect(await resolve(header, {})).toEqual({ ok: false, error: 'NO_SESSION' })
})

test('more cookies of one name than anybody has are refused before the store is asked', async () => {
  const store = storeOf({})
  const header = Array.from({ length: 9 }, () => `sid=${signed(ID)}`).join('; ')
  expect(await outcomeOf(beaker(OPTIONS, store).resolve(handshakeAt(NOW, { cookie: header })))).toEqual({
    ok: false,
    error: 'LIMIT',
  })
  expect(store.asked).toEqual([])
})

test.each([
  ['upper case', signed(ID).toUpperCase()],
  ['one character more', `${signed(ID)}0`],
  ['one character less', signed(ID).slice(0, -1)],
  ['another id under a genuine signature', signed(ID).slice(0, 40) + OTHER_ID],
  ['a well signed id that is none', `${createHmac('sha1', SECRET).update('*').digest('hex')}*`],
  ['a NUL', `${signed(ID).slice(0, -1)}\0`],
  ['latin-1', `${signed(ID).slice(0, -1)}é`],
])('a signed cookie with %s is forged, and the store is not asked', async (_, value) => {
  const store = storeOf({ [`s:${OTHER_ID}`]: sessionOf('"42"') })
  const outcome = await outcomeOf(beaker(OPTIONS, store).resolve(handshakeAt(NOW, { cookie: `sid=${value}` })))
  expect(outcome).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
  expect(store.asked).toEqual([])
})

test.each(['*', `${ID}:`, `../${ID}`, ID.toUpperCase(), ID.slice(1), signed(ID)])(
  'an unsigned cookie cannot choose another key: %s',
  async (value) => {
    const store = storeOf({})
    const resolver = beaker({ ...OPTIONS, secret: null }, store)
    expect(await outcomeOf(resolver.resolve(handshakeAt(NOW, { cookie: `sid=${value}` })))).toEqual({
      ok: false,
      error: 'MALFORMED',
    })
    expect(store.asked).toEqual([])
  },
)

describe('the end of a session', () => {
  const timed = { ...OPTIONS, timeout: 1200 }
  const accessed = (time: string) => ({ [`s:${ID}`]: sessionOf('"42"', `,"_accessed_time":${time}`) })
  const at = (seconds: number, stored: Record<string, Uint8Array>) =>
    beaker(timed, storeOf(stored)).resolve(handshakeAt(seconds, { cookie: `sid=${signed(ID)}` }))

  test('is its last use and the timeout, told to the gateway in milliseconds', async () => {
    const session = await at(NOW, accessed(`${NOW - 100.5}`))
    expect(session?.expiresAt).toBe((NOW - 100.5 + 1200) * 1000)
  })

  test('at the very moment of its end it counts, a moment later it does not', async () => {
    const last = await at(NOW, accessed(`${NOW - 1200}`))
    expect(last?.expiresAt).toBeGreaterThan(NOW * 1000)
    expect(await outcomeOf(at(NOW + 0.001, accessed(`${NOW - 1200}`)))).toEqual({ ok: false, error: 'EXPIRED' })
  })

  test.each(['NaN', 'Infinity', '"1750000000"', 'null', 'true', '[]'])(
    'a time of last use that is none does not keep it for ever: %s',
    async (time) => {
      expect(await outcomeOf(at(NOW, accessed(time)))).toEqual({ ok: false, error: 'MALFORMED' })
    },
  )

  test('somebody who logged out is nobody, whatever the timeout', async () => {
    const stored = { [`s:${ID}`]: Buffer.from('{"_domain":null,"_path":"/"}') }
    expect(await outcomeOf(at(NOW, stored))).toEqual({ ok: false, error: 'NO_USER' })
  })

  test('without a timeout there is none', async () => {
    const stored = accessed('0')
    const session = await beaker(OPTIONS, storeOf(stored)).resolve(handshakeAt(NOW, { cookie: `sid=${signed(ID)}` }))
    expect(session).toEqual({ user: { id: '42' }, via: 'beaker', expiresAt: undefined })
  })
})

describe('the user id', () => {
  const LONGEST = 'x'.repeat(200)
  test.each([
    ['"42"', '42'],
    ['42', '42'],
    ['-7', '-7'],
    ['0', '0'],
    ['9007199254740993', '9007199254740993'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
    ['"__proto__"', '__proto__'],
    ['"a|b%\\u0001\\n"', 'a|b%\u0001\n'],
    [`"${LONGEST}"`, LONGEST],
    ['"\\ud83d\\ude80"', '🚀'],
  ])('%s in JSON is %j, exactly', async (json, userId) => {
    expect(await resolve(`sid=${signed(ID)}`, { [`s:${ID}`]: sessionOf(json) })).toEqual({ ok: true, userId })
  })

  test.each([
    '""',
    'null',
    'true',
    '1.0',
    '1e3',
    '[]',
    '["42"]',
    '{}',
    `"${'x'.repeat(201)}"`,
    '"\\ud800"',
    '9'.repeat(201),
  ])('%s in JSON is none', async (json) => {
    expect(await resolve(`sid=${signed(ID)}`, { [`s:${ID}`]: sessionOf(json) })).toEqual({
      ok: false,
      error: 'NO_USER',
    })
  })

  test.each([
    ['8-bit text of UTF-8', "S'usuario-\\xc3\\xb1'\n", 'usuario-ñ'],
    ['8-bit text that can only be latin-1', "S'usuario-\\xf1'\n", 'usuario-ñ'],
    ['bytes', 'C\x03abc', 'abc'],
    ['a long of Python 2', 'L9007199254740993L\n', '9007199254740993'],
  ])('in a pickle it may be %s', async (_, pickled, userId) => {
    const value = Buffer.from(`}S'who'\n}S'id'\n${pickled}ss.`, 'latin1')
    expect(await resolve(`sid=${signed(ID)}`, { [`s:${ID}`]: value })).toEqual({ ok: true, userId })
  })

  test.each([
    ['I01\n', 'NO_USER'],
    ['F42.0\n', 'NO_USER'],
    ['N', 'NO_USER'],
    ["cdecimal\nDecimal\n(S'42'\ntR", 'NO_USER'],
    ['cos\nsystem\n', 'UNSAFE'],
  ])('in a pickle %j is none', async (pickled, error) => {
    const value = Buffer.from(`}S'who'\n}S'id'\n${pickled}ss.`, 'latin1')
    expect(await resolve(`sid=${signed(ID)}`, { [`s:${ID}`]: value })).toEqual({ ok: false, error })
  })

  test('its way goes through what the session holds, not through what JavaScript adds', async () => {
    for (const user of [['__proto__', 'id'], ['constructor', 'name'], ['who', 'id', 'length'], ['who', 'size'], ['v']])
      expect(await resolve(`sid=${signed(ID)}`, { [`s:${ID}`]: sessionOf('"42"') }, { ...OPTIONS, user })).toEqual({
        ok: false,
        error: 'NO_USER',
      })
    const stored = { [`s:${ID}`]: Buffer.from('{"__proto__":{"id":"42"}}') }
    const options = { ...OPTIONS, user: ['__proto__', 'id'] }
    expect(await resolve(`sid=${signed(ID)}`, stored, options)).toEqual({ ok: true, userId: '42' })
  })
})

describe('what lies in the store', () => {
  const inText = (bytes: Uint8Array) => Buffer.from(JSON.stringify(Buffer.from(bytes).toString('base64')))
  test.each([
    ['JSON compressed in base64', inText(deflateSync('{"who":{"id":"42"}}')), { ok: true, userId: '42' }],
    [
      'a pickle of protocol 0 in base64',
      inText(Buffer.from("(dS'who'\n(dS'id'\nS'42'\nss.")),
      { ok: true, userId: '42' },
    ],
    [
      'a cut zlib stream',
      inText(deflateSync('{"who":{"id":"42"}}').subarray(0, 12)),
      { ok: false, error: 'MALFORMED' },
    ],
    ['base64 that is none', Buffer.from('"???"'), { ok: false, error: 'MALFORMED' }],
    ['a list', Buffer.from('].', 'latin1'), { ok: false, error: 'MALFORMED' }],
    ['a list in base64', inText(Buffer.from('].', 'latin1')), { ok: false, error: 'MALFORMED' }],
    ['None', Buffer.from('N.'), { ok: false, error: 'MALFORMED' }],
    ['an encrypted session', inText(Buffer.alloc(64, 0xab)), { ok: false, error: 'UNSUPPORTED' }],
    ['JSON nested 65 deep', Buffer.from(`{"x":${'['.repeat(64)}${']'.repeat(64)}}`), { ok: false, error: 'LIMIT' }],
    ['JSON nested 100,000 deep', Buffer.from(`{"x":${'['.repeat(100_000)}`), { ok: false, error: 'LIMIT' }],
    ['JSON cut off', Buffer.from('{"who":{"id":"42"}'), { ok: false, error: 'MALFORMED' }],
  ])('%s gives what it should', async (_, value, outcome) => {
    expect(await resolve(`sid=${signed(ID)}`, { [`s:${ID}`]: value })).toEqual(outcome)
  })

  test('a bomb of zlib is cut while it unpacks, not afterwards', async () => {
    const stored = { [`s:${ID}`]: inText(deflateSync(Buffer.alloc(8_000_000, ' '))) }
    const resolving = beaker(OPTIONS, storeOf(stored)).resolve(handshakeAt(NOW, { cookie: `sid=${signed(ID)}` }))
    await expect(resolving).rejects.toMatchObject({ reason: 'LIMIT', cause: { code: 'ERR_BUFFER_TOO_LARGE' } })
  })

  test('a store that is away is not taken for a missing session', async () => {
    const away: SessionStore = {
      ...storeOf({}),
      lookup: () => Promise.reject(new GatewayError('store.unavailable')),
    }
    const resolving = beaker(OPTIONS, away).resolve(handshakeAt(NOW, { cookie: `sid=x; sid=${signed(ID)}` }))
    await expect(resolving).rejects.toMatchObject({ code: 'store.unavailable', retry: true })
  })
})

test.each([
  ['an empty secret', { secret: '' }],
  ['an empty list of secrets', { secret: [] }],
  ['a key without {id}', { key: 'session' }],
  ['no way to the user', { user: [] }],
])('%s is refused when the gateway starts', (_, wrong) => {
  expect(() => beaker({ ...OPTIONS, ...wrong }, storeOf({}))).toThrow(/^beaker: /)
})

function resolve(cookie: string, stored: Record<string, Uint8Array>, options: BeakerOptions = OPTIONS) {
  return outcomeOf(beaker(options, storeOf(stored)).resolve(handshakeAt(NOW, { cookie })))
}

function signed(id: string, secret = SECRET): string {
  return createHmac('sha1', secret).update(id).digest('hex') + id
}

function sessionOf(idJson: string, more = ''): Uint8Array {
  return Buffer.from(`{"who":{"id":${idJson}}${more}}`)
}

/** The reference store: a Map, and a list of what it was asked. */
function storeOf(stored: Record<string, Uint8Array>): SessionStore & { readonly asked: readonly string[] } {
  const asked: string[] = []
  return {
    asked,
    lookup(key) {
      asked.push(key)
      return Promise.resolve(new Map(Object.entries(stored)).get(key) ?? null)
    },
    isUp: () => true,
    close: () => Promise.resolve(),
  }
}
