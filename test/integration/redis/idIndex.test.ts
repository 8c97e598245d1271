import type { Redis } from 'ioredis'
import { Events } from '../../../src/core/events.ts'
import { redisConnection } from '../../../src/redis/connection.ts'
import { IdIndex, MAX_NOTES, MAX_USERS } from '../../../src/redis/idIndex.ts'
import type { Reply } from '../../../src/redis/resp.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { PREFIX } from '../../support/redisBackend.ts'
import { type RedisServer, startRedis } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'

const DAY_MS = 86_400_000
let server: RedisServer
let redis: Redis
beforeAll(async () => {
  server = await startRedis()
  redis = redisConnection({ url: `redis://127.0.0.1:${server.port}`, store: 'test', events: new Events() })
  await until('it is there', () => redis.status === 'ready')
})
beforeEach(async () => {
  await redis.flushall()
  await redis.config('RESETSTAT')
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

/** One gateway's. Its `refuses` stands for a Redis that is away, or takes nothing. */
function gateway() {
  const clock = fakeClock()
  const is = { refusing: false, asked: 0, now: Date.now() }
  const ask = <T>(question: (redis: Redis) => Promise<T>) => {
    is.asked++
    return is.refusing ? Promise.reject(new Error('away')) : question(redis)
  }
  const tell = (commands: readonly (readonly string[])[]) =>
    ask((redis) => Promise.all(commands.map(([name = '', ...args]) => redis.call(name, ...args) as Promise<Reply>)))
  const storeNow = () => is.now
  const index = new IdIndex({ asking: { ask, tell }, prefix: PREFIX, standsMs: 30 * DAY_MS, clock, storeNow })
  return { index, clock, is }
}

const calls = async (name: string) =>
  Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(await redis.info('commandstats'))?.[1] ?? 0)
const keys = () => redis.keys('*')

test('what a gateway notes is told a tenth of a second later, and others know it then', async () => {
  const [one, other] = [gateway(), gateway()]
  one.index.note('a', 'ann', undefined)
  one.clock.advance(99)
  expect(one.is.asked).toBe(0)
  one.clock.advance(1)
  await until('it is told', async () => (await other.index.usersOf('a')).length === 1)
  expect(await other.index.usersOf('a')).toEqual(['ann'])
  expect(one.clock.timers).toBe(0)
})

test('many notes are one command for each day and shard, the same one twice is one', async () => {
  const { index } = gateway()
  for (let again = 0; again < 2; again++) for (let i = 0; i < 900; i++) index.note('a', `u${i}`, undefined)
  await index.flush()
  expect([await calls('zadd'), await calls('pexpireat')]).toEqual([1, 1])
  expect(await index.usersOf('a')).toHaveLength(900)
})

test('a key stands until after the day on which its ids are forgotten', async () => {
  for (const [ttlMs, days] of [
    [1_000, 1],
    [undefined, 30],
    [365 * DAY_MS, 365],
  ] as const) {
    await redis.flushall()
    const { index } = gateway()
    index.note('a', 'ann', ttlMs)
    await index.flush()
    const [key = ''] = await keys()
    expect(await redis.pttl(key)).toBeGreaterThan(days * DAY_MS)
    expect(await redis.pttl(key)).toBeLessThan((days + 3) * DAY_MS)
  }
})

test('who is known longest is told first, at most 1,000 of each day, and after their day they are not', async () => {
  const { index, is } = gateway()
  for (let i = 0; i < MAX_USERS + 10; i++) index.note('a', `short${i}`, 1_000)
  index.note('a', 'long', undefined)
  const users = await index.usersOf('a')
  expect([users.length, users[0]]).toEqual([MAX_USERS + 1, 'long'])
  is.now += 4 * DAY_MS
  expect(await index.usersOf('a')).toEqual(['long'])
  is.now += 30 * DAY_MS
  expect(await index.usersOf('a')).toEqual([])
})

test('what could not be told is told later, as soon as a second after', async () => {
  const { index, clock, is } = gateway()
  is.refusing = true
  index.note('a', 'ann', undefined)
  await index.flush()
  index.note('a', 'bob', undefined)
  clock.advance(999)
  await index.flush()
  is.refusing = false
  expect(await keys()).toEqual([])
  clock.advance(1_000)
  await until('it is told', async () => (await keys()).length === 1)
  expect([...(await index.usersOf('a'))].sort()).toEqual(['ann', 'bob'])
})

test('while nothing can be told so many notes are held, and the newest are not noted', async () => {
  const { index, is } = gateway()
  is.refusing = true
  for (let i = 0; i < MAX_NOTES / 2; i++) index.note(`n${i}`, 'ann', undefined)
  await index.flush()
  for (let i = MAX_NOTES / 2; i < MAX_NOTES + 10; i++) index.note(`n${i}`, 'ann', undefined)
  await index.flush()
  is.refusing = false
  await index.flush()
  expect(await index.usersOf(`n${MAX_NOTES - 1}`)).toEqual(['ann'])
  expect(await index.usersOf(`n${MAX_NOTES}`)).toEqual([])
  const sizes = await Promise.all((await keys()).map((key) => redis.zcard(key)))
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(MAX_NOTES)
  // Spread evenly, or about.
  expect(sizes.length).toBe(64)
  expect(Math.max(...sizes)).toBeLessThan((2 * MAX_NOTES) / 64)
})

test('a gateway that closes tells what it has noted, and nothing of it runs on', async () => {
  const { index, clock, is } = gateway()
  index.note('a', 'ann', undefined)
  await index.close()
  expect(await keys()).toHaveLength(1)
  is.refusing = true
  index.note('b', 'ann', undefined)
  await index.close()
  expect(clock.timers).toBe(0)
})
