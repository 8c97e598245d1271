import { userAddress } from '../../src/core/address.ts'
import { startBackend } from '../support/redisBackend.ts'
import { type RedisServer, startRedis } from '../support/redisServer.ts'
import { inboxContract } from './inboxContract.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

inboxContract('redisInbox', async (bounds) => {
  const backend = await startBackend(server.port, bounds)
  await backend.redis.flushall()
  return {
    inbox: backend.inbox,
    advance: (ms) => backend.advance(ms),
    follow: (user) => backend.broker.follow(userAddress(user)),
    close: () => backend.close(),
  }
})
