import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { loadConfig } from '../../src/config/load.ts'
import { whoIs } from '../../src/server.ts'
import { beakerFixtures, expectOutcome, handshakeAt, jwtFixtures, outcomeOf } from '../fixtures/sessionFixtures.ts'
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
