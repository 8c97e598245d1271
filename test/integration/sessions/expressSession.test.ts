import { Redis } from 'ioredis'
import { Events } from '../../../src/core/events.ts'
import type { SessionStore } from '../../../src/core/ports.ts'
import { redisConnection } from '../../../src/redis/connection.ts'
import { redisSessionStore } from '../../../src/redis/sessionStore.ts'
import { type ExpressSessionOptions, expressSession } from '../../../src/sessions/expressSession.ts'
import { handshakeAt, outcomeOf } from '../../fixtures/sessionFixtures.ts'
import { type ExpressApplication, startExpress } from '../../support/expressApplication.ts'
import { type RedisServer, startRedis } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'

const SECRET = 'secret of the web application'
const OPTIONS: ExpressSessionOptions = {
  cookie: 'connect.sid',
  secret: SECRET,
  key: 'sess:{id}',
  user: ['passport', 'user'],
}

const applications: ExpressApplication[] = []
let redis: RedisServer
let store: SessionStore

beforeAll(async () => {
  redis = await startRedis()
  store = redisSessionStore(redisConnection({ url: redis.url, store: 'sessions', events: new Events() }))
  await until('the store is up', () => store.isUp())
})
afterEach(async () => {
  for (const application of applications.splice(0)) await application.close()
})
afterAll(async () => {
  await store.close()
  await redis.stop()
})

test.each([
  ['a text', 'user-1001', 'user-1001'],
  ['a text beyond ASCII', 'usuario-ñandú 🚀', 'usuario-ñandú 🚀'],
  ['a number', 42, '42'],
])('whoever signed in to an Express application is recognised: the id is %s', async (_, user, userId) => {
  const application = await running()
  await application.signIn({ passport: { user } })
  expect(await who(application)).toEqual({ ok: true, userId })
})

test('an application with names and secrets of its own', async () => {
  const application = await running({ secret: ['new secret', SECRET], name: 'sid', prefix: 'app:s:' })
  await application.signIn({ userId: '42' })
  const options = { cookie: 'sid', key: 'app:s:{id}', user: ['userId'] }
  expect(await who(application, { ...options, secret: ['new secret'] })).toEqual({ ok: true, userId: '42' })
  expect(await who(application, options)).toEqual({ ok: false, error: 'BAD_SIGNATURE' })
  expect(await who(application, { ...options, secret: 'new secret', key: 'sess:{id}' })).toEqual({
    ok: false,
    error: 'NO_SESSION',
  })
})

test('who signs in anew has another session, and who signs out has none', async () => {
  const application = await running()
  await application.signIn({ passport: { user: '42' } })
  const former = application.cookie()
  await application.signIn({ passport: { user: '43' } })
  expect(await who(application)).toEqual({ ok: true, userId: '43' })
  expect(await who({ cookie: () => former })).toEqual({ ok: false, error: 'NO_SESSION' })
  await application.signOut()
  expect(await who(application)).toEqual({ ok: false, error: 'NO_SESSION' })
})

test('a session in which nobody signed in is nobody', async () => {
  const application = await running()
  await application.signIn({ cart: [1] })
  expect(await who(application)).toEqual({ ok: false, error: 'NO_USER' })
})

test('a visit renews the key and not what stands in it; the session is good while the key is there', async () => {
  const application = await running()
  await application.signIn({ passport: { user: '42' } })
  const admin = new Redis(redis.url)
  try {
    const key = `sess:${decodeURIComponent(application.cookie()).slice('connect.sid=s:'.length).split('.')[0]}`
    const before = String(await admin.get(key))
    await admin.set(key, before.replace(/"expires":"[^"]+"/, '"expires":"2001-01-01T00:00:00.000Z"'), 'EX', 10)
    await application.visit()
    await until('the visit has renewed the key', async () => (await admin.ttl(key)) > 10)
    expect(await admin.get(key)).toContain('"expires":"2001-01-01')
    expect(await who(application)).toEqual({ ok: true, userId: '42' })
    await admin.del(key)
    expect(await who(application)).toEqual({ ok: false, error: 'NO_SESSION' })
  } finally {
    admin.disconnect()
  }
})

async function running(settings: Partial<Parameters<typeof startExpress>[0]> = {}): Promise<ExpressApplication> {
  const application = await startExpress({ redisUrl: redis.url, secret: SECRET, ...settings })
  applications.push(application)
  return application
}

const who = ({ cookie }: Pick<ExpressApplication, 'cookie'>, options: Partial<ExpressSessionOptions> = {}) =>
  outcomeOf(
    expressSession({ ...OPTIONS, ...options }, store).resolve(handshakeAt(Date.now() / 1000, { cookie: cookie() })),
  )
