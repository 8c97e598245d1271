import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { loadConfig } from '../../src/config/load.ts'
import { whoIs } from '../../src/server.ts'
import {
  authTktFixtures,
  beakerFixtures,
  expectOutcome,
  expressFixtures,
  handshakeAt,
  jwtFixtures,
  outcomeOf,
} from '../fixtures/sessionFixtures.ts'
import { type RedisServer, startRedis } from '../support/redisServer.ts'

const folder = mkdtempSync(join(tmpdir(), 'heraldo-sessions-'))
let server: RedisServer
let redis: Redis

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
})

afterAll(async () => {
  redis.disconnect()
  await server.stop()
  rmSync(folder, { recursive: true })
})

/** As an operator would write it into a file. */
function configWith(session: object) {
  const file = join(folder, 'heraldo.json')
  writeFileSync(file, JSON.stringify({ redis: { url: server.url }, sessions: [session] }))
  return loadConfig({ file, env: {} })
}

test.each(jwtFixtures)('$name, as the configuration says it', async ({ clock, token, config, expected }) => {
  const { userIdClaim, ...session } = { ...config, requiredClaims: undefined }
  const outcome = await outcomeOf(
    whoIs(configWith({ use: 'jwt', ...session, user: [userIdClaim] }), handshakeAt(clock, { token })),
  )
  expectOutcome(outcome, expected)
})

test.each(beakerFixtures)(
  '$name, as the configuration says it',
  async ({ clock, cookieHeader, redisKey, redisValue, config, expected }) => {
    await redis.flushall()
    if (redisKey !== undefined && redisValue !== undefined) await redis.set(redisKey, Buffer.from(redisValue, 'base64'))
    const { cookieName: cookie, secret, userIdPath: user, timeout } = config
    const key = `${config.keyPrefix}{id}${config.keySuffix}`
    const outcome = await outcomeOf(
      whoIs(
        configWith({ use: 'beaker', cookie, secret, key, user, timeout }),
        handshakeAt(clock, { cookie: cookieHeader }),
      ),
    )
    expectOutcome(outcome, expected)
  },
)

test.each(authTktFixtures)(
  '$name, as the configuration says it',
  async ({ clock, remoteAddr, cookieHeader, config, expected }) => {
    const { cookieName: cookie, digestAlgo: digest, userDataFormat: userData, ...session } = config
    const handshake = handshakeAt(clock, { cookie: cookieHeader, remoteAddress: remoteAddr })
    const outcome = await outcomeOf(
      whoIs(configWith({ use: 'authTkt', cookie, digest, userData, ip6: 'text', ...session }), handshake),
    )
    expectOutcome(outcome, expected)
  },
)

test.each(expressFixtures)(
  '$name, as the configuration says it',
  async ({ clock, cookieHeader, redisKey, redisValue, config, expected }) => {
    await redis.flushall()
    if (redisKey !== undefined && redisValue !== undefined) await redis.set(redisKey, Buffer.from(redisValue, 'base64'))
    const { cookieName: cookie, secret, userIdPath: user } = config
    const session = { use: 'expressSession', cookie, secret, key: `${config.keyPrefix}{id}`, user }
    expectOutcome(await outcomeOf(whoIs(configWith(session), handshakeAt(clock, { cookie: cookieHeader }))), expected)
  },
)

test('with nothing but a secret, a ticket of repoze.who 2.2 is recognised', async () => {
  const ticket = authTktFixtures.find(({ name }) => name === 'repoze22-md5-unicode')
  const { secret } = { secret: '', ...ticket?.config }
  const handshake = handshakeAt(ticket?.clock ?? 0, { cookie: ticket?.cookieHeader })
  const expected = { ok: true, userId: ticket?.expected.userId }
  expect(await outcomeOf(whoIs(configWith({ use: 'authTkt', secret }), handshake))).toEqual(expected)
})

test('a callback is asked where the configuration says', async () => {
  const application = createServer(({ url, headers }, response) => {
    response.writeHead(url === '/whoami?for=heraldo' && headers.cookie === 'a=1' ? 200 : 401)
    response.end('{"user":{"id":"42"},"expiresAt":4102444800000}')
  })
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = application.address() as AddressInfo
    const config = configWith({ use: 'httpCallback', url: `http://127.0.0.1:${port}/whoami?for=heraldo` })
    expect(await whoIs(config, handshakeAt(1, { cookie: 'a=1' }))).toEqual({
      user: { id: '42' },
      via: 'httpCallback',
      expiresAt: 4102444800000,
    })
    expect(await outcomeOf(whoIs(config, handshakeAt(1, { cookie: 'a=2' })))).toEqual({ ok: false, error: 'NO_USER' })
    const later = whoIs(config, handshakeAt(4102444800, { cookie: 'a=1' }))
    expect(await outcomeOf(later)).toEqual({ ok: false, error: 'EXPIRED' })
  } finally {
    application.closeAllConnections()
    await new Promise((resolve) => application.close(resolve))
  }
})
