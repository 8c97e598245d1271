import { Redis } from 'ioredis'
import { type ExpressApplication, startExpress } from '../../support/expressApplication.ts'
import { type GatewayProcess, startGateway } from '../../support/gatewayProcess.ts'
import { closeClients, openClient, type Page } from '../../support/heraldoClient.ts'
import { type RedisServer, startRedis } from '../../support/redisServer.ts'
import { BEAKER, beakerCookie } from '../../support/sessions.ts'
import { type Browser, browse, closeTab } from '../../support/socketioClients.ts'
import { until } from '../../support/until.ts'

const SECRET = 'secret of an Express application'

let redis: RedisServer
let admin: Redis
let express: ExpressApplication
let gateway: GatewayProcess
const tabs: Browser[] = []

beforeAll(async () => {
  redis = await startRedis()
  admin = new Redis(redis.url)
  express = await startExpress({ redisUrl: redis.url, secret: SECRET })
  gateway = await startGateway({
    redis: { url: redis.url },
    sessions: [BEAKER, { use: 'expressSession', secret: SECRET, user: ['userId'] }],
    limits: { sessionCheckSeconds: 1 },
  })
})
afterEach(async () => {
  closeClients()
  for (const tab of tabs.splice(0)) await closeTab(tab)
})
afterAll(async () => {
  await gateway?.stop()
  await express?.close()
  admin?.disconnect()
  await redis?.stop()
})

describe.each<[string, () => Promise<{ cookie: string; signOut: () => Promise<unknown> }>]>([
  [
    'Beaker',
    async () => {
      const cookie = await beakerCookie(redis.url, '42')
      const key = BEAKER.key.replace('{id}', cookie.slice(`${BEAKER.cookie}=`.length + 40))
      return { cookie, signOut: async () => expect(await admin.del(key)).toBe(1) }
    },
  ],
  [
    'express-session',
    async () => {
      await express.signIn({ userId: '42' })
      return { cookie: express.cookie(), signOut: () => express.signOut() }
    },
  ],
])('whoever signs out of an application with %s', (_, signIn) => {
  test('is sent away for good in every tab, and nobody else is', async () => {
    const { cookie, signOut } = await signIn()
    const first = await tab(cookie, 'websocket')
    const second = await tab(cookie, 'polling')
    const page = ourClient(cookie)
    const other = await tab(await beakerCookie(redis.url, '43'), 'websocket')
    await until('our client is connected', () => page.heraldo.state === 'connected')

    await signOut()
    await until('every tab of them is sent away', () =>
      [first, second].every(({ disconnects }) => disconnects.length > 0),
    )
    for (const { byes, disconnects, socket } of [first, second]) {
      expect(byes).toEqual([{ code: 'expired', retryInMs: 0 }])
      // After this one socket.io-client stays away.
      expect([disconnects, socket.active]).toEqual([['io server disconnect'], false])
    }
    await until('our client has ended', () => page.heraldo.state === 'ended')
    expect(page.heraldo.reason?.code).toBe('expired')
    expect((await tab(cookie, 'websocket')).refusals[0]?.data).toMatchObject({ code: 'session.expired', retry: false })
    const before = await sessionsRead()
    await until('the other session was read again', async () => (await sessionsRead()) > before)
    expect([other.socket.connected, other.hellos.length, other.byes]).toEqual([true, 1, []])
  })
})

async function tab(cookie: string, transport: string): Promise<Browser> {
  const browser = await browse(gateway.url, undefined, { extraHeaders: { cookie }, transports: [transport] })
  tabs.push(browser)
  return browser
}

/** By now: how often Redis was asked for a key that is there. */
const sessionsRead = async () => Number(/keyspace_hits:(\d+)/.exec(await admin.info('stats'))?.[1])

const ourClient = (cookie: string): Page => openClient(gateway.url, {}, { extraHeaders: { cookie } })
