import { Events } from '../../src/core/events.ts'
import type { SessionStore } from '../../src/core/ports.ts'
import { redisConnection } from '../../src/redis/connection.ts'
import { redisSessionStore } from '../../src/redis/sessionStore.ts'
import { type BeakerOptions, beaker } from '../../src/sessions/beaker.ts'
import { handshakeAt, outcomeOf } from '../fixtures/sessionFixtures.ts'
import { requirePython, runPython } from '../support/python.ts'
import { type RedisServer, startRedis } from '../support/redisServer.ts'
import { until } from '../support/until.ts'

const SECRET = 'secret of the web application'
const OPTIONS: BeakerOptions = {
  cookie: 'notifsess',
  secret: SECRET,
  key: 'beaker_cache:{id}:session',
  user: ['repoze.who.tkt', 'user.id'],
  timeout: 600,
}

/** One request to a web application, as Beaker's middleware treats it. Prints the Set-Cookie header. */
const APPLICATION = `
import json, sys, warnings
warnings.simplefilter('ignore')
from beaker.session import SessionObject
url, do = sys.argv[1], json.loads(sys.argv[2])
environ = {'HTTP_COOKIE': do.get('cookie', '')}
session = SessionObject(environ, type='ext:redis', url=url, key='notifsess', secret=do.get('secret'),
                        timeout=do.get('timeout'), data_serializer=do.get('serializer', 'pickle'))
if do.get('delete'):
    session.delete()
elif do.get('invalidate'):
    session.invalidate()
    session.save()
else:
    if 'rich' in do:
        import datetime, decimal, uuid
        session['rich'] = [datetime.datetime.now(datetime.timezone.utc), datetime.date.today(), datetime.timedelta(1),
                           decimal.Decimal('1.50'), uuid.uuid4(), {1, 2}, frozenset([3]), b'\\xff', (1, (2,)), None, 1.5,
                           2 ** 70, -1, 'x' * 70000, {'a': {'b': ['c']}}, bytearray(b'z')]
    session['repoze.who.tkt'] = {'user.id': eval(do['user'])}
    session.save()
if session.accessed():
    session.persist()
print(session.request['cookie_out'])
`

let python: string
let redis: RedisServer
let store: SessionStore

beforeAll(async () => {
  python = requirePython('beaker', 'redis')
  redis = await startRedis()
  store = connect(redis.url)
  await until('the store is up', () => store.isUp())
})
afterAll(async () => {
  await store.close()
  await redis.stop()
})

test.each([
  ['a text', "'user-1001'", 'user-1001'],
  ['a text beyond ASCII', "'usuario-\\u00f1and\\u00fa \\U0001f680'", 'usuario-ñandú 🚀'],
  ['a number', '42', '42'],
  ['a number beyond 2^53', '2 ** 53 + 1', '9007199254740993'],
  ['bytes', "b'user-1001'", 'user-1001'],
])('whoever signed in to a Python application is recognised: the id is %s', async (_, user, userId) => {
  const cookie = await application({ user, secret: SECRET, timeout: 600 })
  const session = await beaker(OPTIONS, store).resolve(now(cookie))
  expect(session).toEqual({ user: { id: userId }, via: 'beaker', expiresAt: expect.any(Number) })
  const seconds = ((session?.expiresAt ?? 0) - Date.now()) / 1000
  expect(seconds).toBeGreaterThan(580)
  expect(seconds).toBeLessThanOrEqual(600)
})

test.each(['pickle', 'json'])('whichever serializer it was told to use: %s', async (serializer) => {
  const cookie = await application({ user: '7', secret: SECRET, serializer })
  expect(await who(cookie, { timeout: null })).toEqual({ ok: true, userId: '7' })
})

test('a session full of dates, decimals and sets is read past them', async () => {
  expect(await who(await application({ user: "'42'", secret: SECRET, timeout: 600, rich: true }))).toEqual({
    ok: true,
    userId: '42',
  })
})

test('an application without a secret is read only when that is meant', async () => {
  const cookie = await application({ user: "'42'", timeout: 600 })
  expect(await who(cookie, { secret: null })).toEqual({ ok: true, userId: '42' })
  expect(await who(cookie)).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
})

test('another secret, another key, a session that was used too long ago: each is refused for what it is', async () => {
  const cookie = await application({ user: "'42'", secret: SECRET, timeout: 600 })
  expect(await who(cookie, { secret: 'another' })).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
  expect(await who(cookie, { key: 'beaker:{id}:session' })).toEqual({ ok: false, error: 'NO_SESSION' })
  expect(await who(cookie, { user: ['user_id'] })).toEqual({ ok: false, error: 'NO_USER' })
  const later = handshakeAt(Date.now() / 1000 + 601, { cookie })
  expect(await outcomeOf(beaker(OPTIONS, store).resolve(later))).toEqual({ ok: false, error: 'EXPIRED' })
})

test.each([
  ['logs out', { delete: true }],
  ['gets a new session', { invalidate: true }],
])('who %s is not the user any more', async (_, action) => {
  const cookie = await application({ user: "'42'", secret: SECRET, timeout: 600 })
  expect(await who(cookie)).toEqual({ ok: true, userId: '42' })
  const next = await application({ cookie, secret: SECRET, timeout: 600, ...action })
  expect((await who(next)).ok).toBe(false)
  if ('delete' in action) expect((await who(cookie)).ok).toBe(false)
})

test('while Redis is away the browser is told to come back, and when it does the user is there', async () => {
  const ours = await startRedis()
  const connected = connect(ours.url)
  const resolver = beaker(OPTIONS, connected)
  let again: RedisServer | undefined
  try {
    await until('the store is up', () => connected.isUp())
    const cookie = await application({ user: "'42'", secret: SECRET, timeout: 600 }, ours)
    expect(await outcomeOf(resolver.resolve(now(cookie)))).toEqual({ ok: true, userId: '42' })
    await ours.stop()
    await expect(resolver.resolve(now(cookie))).rejects.toMatchObject({ code: 'store.unavailable', retry: true })
    again = await startRedis({ port: ours.port })
    const renewed = await application({ user: "'43'", secret: SECRET, timeout: 600 }, again)
    await until('the store is up again', () => connected.isUp(), 1_500)
    expect(await outcomeOf(resolver.resolve(now(renewed)))).toEqual({ ok: true, userId: '43' })
  } finally {
    await connected.close()
    await again?.stop()
    await ours.stop()
  }
})

/** Runs the application once and returns the Cookie header that its browser has from then on. */
async function application(request: Record<string, unknown>, server = redis): Promise<string> {
  const setCookie = await runPython(python, APPLICATION, [server.url, JSON.stringify(request)])
  return (setCookie.split(';')[0] ?? '').trim()
}

function connect(url: string): SessionStore {
  return redisSessionStore(redisConnection({ url, store: 'sessions', events: new Events() }))
}

const now = (cookie: string) => handshakeAt(Date.now() / 1000, { cookie })
const who = (cookie: string, options: Partial<BeakerOptions> = {}) =>
  outcomeOf(beaker({ ...OPTIONS, ...options }, store).resolve(now(cookie)))
