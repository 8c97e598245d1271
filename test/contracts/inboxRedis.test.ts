import { userAddress } from '../../src/core/address.ts'
import { startBackend } from '../support/redisBackend.ts'
import { type RedisServer, startRedis } from '../support/redisServer.ts'
import type { MakeInbox } from './inbox/bench.ts'
import { inboxContract, inboxOverDaysContract } from './inboxContract.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

/** Its own clock; or one that stands still until the test winds it. */
const make =
  (isClockStopped: boolean): MakeInbox =>
  async (bounds) => {
    const backend = await startBackend(server.port, bounds, { isClockStopped })
    await backend.redis.flushall()
    return {
      inbox: backend.inbox,
      advance: isClockStopped ? (ms) => backend.advance(ms) : undefined,
      follow: (user) => backend.broker.follow(userAddress(user)),
      close: () => backend.close(),
    }
  }

inboxContract('redisInbox', make(false))
inboxOverDaysContract('redisInbox', make(true))
