import fc from 'fast-check'
import { userAddress } from '../../src/core/address.ts'
import type { Ring } from '../../src/core/inbox.ts'
import { fuzz } from '../support/fuzz.ts'
import { startBackend } from '../support/redisBackend.ts'
import { type RedisServer, startRedis } from '../support/redisServer.ts'
import type { InboxUnderTest, MakeInbox } from './inbox/bench.ts'
import { expectLikeTheModel, SMALL, stepsOf } from './inbox/model.ts'
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

test('an inbox in Redis does what a naive model of one does (fuzz)', async () => {
  const backend = await startBackend(server.port, SMALL, { isClockStopped: true })
  let hear: (ring: Ring) => void = () => {}
  backend.inbox.onRing((ring) => hear(ring))
  const onRing = (listener: typeof hear) => {
    hear = listener
  }
  const under: InboxUnderTest = {
    inbox: { ...backend.inbox, onRing },
    advance: (ms) => backend.advance(ms),
    follow: (user) => backend.broker.follow(userAddress(user)),
    close: async () => {},
  }
  await fuzz(
    fc.asyncProperty(stepsOf({ windable: true }), async (steps) => {
      await backend.redis.flushall()
      await expectLikeTheModel(under, steps)
    }),
    // Each takes hundreds of round trips.
    1 / 20,
  )
  await backend.close()
})
