import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { GatewayError } from '../../../src/core/errors.ts'
import type { SessionStore } from '../../../src/core/ports.ts'
import { type ExpressSessionOptions, expressSession } from '../../../src/sessions/expressSession.ts'
import { expectOutcome, expressFixtures, handshakeAt, outcomeOf } from '../../fixtures/sessionFixtures.ts'
import { fuzz } from '../../support/fuzz.ts'

const SECRET = 'a secret of this test'
const ID = 'yKOTpKD4fIdL9mRMq-jaCyLyfDTVRpuV'
const NOW = 1_750_000_000
const OPTIONS: ExpressSessionOptions = { cookie: 'connect.sid', secret: SECRET, key: 'sess:{id}', user: ['userId'] }

describe('sessions that real express-session stored', () => {
  test.each(expressFixtures)('$name', async ({ clock, config, cookieHeader, redisKey, redisValue, expected }) => {
    const store = storeOf(redisKey === undefined ? {} : { [redisKey]: Buffer.from(redisValue ?? '', 'base64') })
    const resolver = expressSession(
      {
        cookie: config.cookieName,
        secret: config.secret,
        key: `${config.keyPrefix}{id}`,
        user: config.userIdPath,
      },
      store,
    )
    expectOutcome(await outcomeOf(resolver.resolve(handshakeAt(clock, { cookie: cookieHeader }))), expected)
    if (expected.error === 'BAD_SIGNATURE') expect(store.asked).toEqual([])
  })
})

test('a handshake without the cookie is left to the next resolver', async () => {
  expect(await expressSession(OPTIONS, storeOf({})).resolve(handshakeAt(NOW))).toBeNull()
  expect(await who('', {})).toEqual({ ok: false, error: 'NO_COOKIE' })
})

test('while a secret rotates, sessions of the old and the new one are good, and of no other', async () => {
  const options = { secret: ['new secret', SECRET] }
  for (const secret of options.secret)
    expect(await who(signed(ID, secret), session('"42"'), options)).toEqual({ ok: true, userId: '42' })
  expect(await who(signed(ID, 'third'), session('"42"'), options)).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
})

test('a cookie that is not percent-encoded, or encoded to the last character, is the cookie', async () => {
  for (const cookie of [decodeURIComponent(signed(ID)), `"${signed(ID)}"`, hexed(decodeURIComponent(signed(ID)))])
    expect(await who(cookie, session('"42"'))).toEqual({ ok: true, userId: '42' })
})

test('it is decoded once: what was encoded twice is no cookie of ours', async () => {
  expect((await who(encodeURIComponent(signed(ID)), session('"42"'))).ok).toBe(false)
})

test('of several cookies with the name the good one counts, wherever it stands', async () => {
  for (const cookie of [`${signed(ID)}; connect.sid=x`, `s%3Ax.y; connect.sid=${signed(ID)}`])
    expect(await who(cookie, session('"42"'))).toEqual({ ok: true, userId: '42' })
})

test('an application that makes ids of its own may put dots and dollar signs into them', async () => {
  for (const id of ['a.b.c', "$&$'$$", 'ñ:{id}', '../x'])
    expect(await who(signed(id), session('"42"', id))).toEqual({ ok: true, userId: '42' })
})

test.each([
  ['nothing signed', ID, 'MALFORMED'],
  ['nothing signed, though it says so', `s:${ID}`, 'MALFORMED'],
  ['an empty signature', `s:${ID}.`, 'BAD_SIGNATURE'],
  ['padding', `${signed(ID)}%3D`, 'BAD_SIGNATURE'],
  ['another id', signed(ID).replace('yKOT', 'yKOU'), 'BAD_SIGNATURE'],
  ['an empty id that is well signed', signed(''), 'MALFORMED'],
  ['JSON', `j:${JSON.stringify(ID)}`, 'MALFORMED'],
  ['a percent sign that encodes nothing', `${signed(ID)}%zz`, 'MALFORMED'],
])('a cookie with %s is refused, and the store is not asked', async (_, cookie, error) => {
  const store = storeOf({ 'sess:': Buffer.from('{"userId":"42"}'), ...session('"42"') })
  const resolving = expressSession(OPTIONS, store).resolve(handshakeAt(NOW, { cookie: `connect.sid=${cookie}` }))
  expect(await outcomeOf(resolving)).toEqual({ ok: false, error })
  expect(store.asked).toEqual([])
})

test('a session brings no end: that its key is there is the truth', async () => {
  const stored = session('"42"', ID, '"cookie":{"expires":"2001-01-01T00:00:00.000Z"},')
  const resolving = expressSession(OPTIONS, storeOf(stored)).resolve(
    handshakeAt(NOW, { cookie: `connect.sid=${signed(ID)}` }),
  )
  expect(await resolving).toEqual({ user: { id: '42' }, via: 'expressSession', expiresAt: undefined })
})

test.each([
  ['9007199254740993', '9007199254740993'],
  ['-7', '-7'],
  ['"__proto__"', '__proto__'],
  ['"ñ"', 'ñ'],
])('the user id %s is %s, exactly', async (json, userId) => {
  expect(await who(signed(ID), session(json))).toEqual({ ok: true, userId })
})

test.each(['""', 'null', 'true', '1.5', '{}', '["42"]'])('the user id %s is none', async (json) => {
  expect(await who(signed(ID), session(json))).toEqual({ ok: false, error: 'NO_USER' })
})

test('the way to the user id goes through what the session holds, not through what JavaScript adds', async () => {
  for (const user of [
    ['__proto__', 'id'],
    ['constructor', 'name'],
    ['userId', 'length'],
  ])
    expect(await who(signed(ID), session('"42"'), { user })).toEqual({ ok: false, error: 'NO_USER' })
})

test.each([
  ['no JSON', 'hello', 'MALFORMED'],
  ['JSON that is cut off', '{"userId":"42"', 'MALFORMED'],
  ['a list', '["42"]', 'MALFORMED'],
  ['null', 'null', 'MALFORMED'],
  ['what is nested 100,000 deep', '{"x":'.repeat(100_000), 'LIMIT'],
])('%s in the store is refused', async (_, text, error) => {
  expect(await who(signed(ID), { [`sess:${ID}`]: Buffer.from(text) })).toEqual({ ok: false, error })
})

test('a store that is away is not taken for a missing session', async () => {
  const away: SessionStore = { ...storeOf({}), lookup: () => Promise.reject(new GatewayError('store.unavailable')) }
  const cookie = `connect.sid=x; connect.sid=${signed(ID)}`
  await expect(expressSession(OPTIONS, away).resolve(handshakeAt(NOW, { cookie }))).rejects.toMatchObject({
    code: 'store.unavailable',
    retry: true,
  })
})

test.each([
  ['an empty secret', { secret: '' }],
  ['an empty list of secrets', { secret: [] }],
  ['a key without {id}', { key: 'session' }],
  ['no way to the user', { user: [] }],
])('%s is refused when the gateway starts', (_, wrong) => {
  expect(() => expressSession({ ...OPTIONS, ...wrong }, storeOf({}))).toThrow(/^expressSession: /)
})

test('whatever a cookie holds, it is a coded refusal, and nothing is looked up for it (fuzz)', async () => {
  const genuine = decodeURIComponent(signed(ID))
  const changed = fc
    .tuple(fc.nat(genuine.length - 1), fc.nat(3), fc.string({ maxLength: 3 }))
    .map(([at, removed, inserted]) => genuine.slice(0, at) + inserted + genuine.slice(at + removed))
  await fuzz(
    fc.asyncProperty(
      fc.oneof(fc.string(), fc.string({ unit: 'binary' }), changed, changed.map(encodeURIComponent)),
      async (value) => {
        const store = storeOf({})
        const cookie = `connect.sid=${value}`
        const outcome = await outcomeOf(expressSession(OPTIONS, store).resolve(handshakeAt(NOW, { cookie })))
        expect(outcome.ok).toBe(false)
        for (const key of store.asked) expect(key).toBe(`sess:${ID}`)
      },
    ),
  )
})

function who(cookie: string, stored: Record<string, Uint8Array>, options: Partial<ExpressSessionOptions> = {}) {
  const resolver = expressSession({ ...OPTIONS, ...options }, storeOf(stored))
  return outcomeOf(resolver.resolve(handshakeAt(NOW, { cookie: `connect.sid=${cookie}` })))
}

function signed(id: string, secret = SECRET): string {
  const signature = createHmac('sha256', secret).update(id).digest('base64').replace('=', '')
  return encodeURIComponent(`s:${id}.${signature}`)
}

function session(idJson: string, id = ID, more = ''): Record<string, Uint8Array> {
  return { [`sess:${id}`]: Buffer.from(`{${more}"userId":${idJson}}`) }
}

const hexed = (text: string) => Buffer.from(text).toString('hex').replace(/../g, '%$&')

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
