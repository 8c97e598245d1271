import type { Redis } from 'ioredis'
import { Events } from '../../src/core/events.ts'
import { systemClock } from '../../src/memory/clock.ts'
import { redisConnection } from '../../src/redis/connection.ts'
import { redisDirectory } from '../../src/redis/directory.ts'
import { fakeClock } from '../support/fakeClock.ts'
import { type RedisServer, startRedis } from '../support/redisServer.ts'
import { until } from '../support/until.ts'
import { directoryContract } from './directoryContract.ts'

const A = 'tcp://127.0.0.1:20105'
const B = 'tcp://127.0.0.1:20106'
const PREFIX = 'test:'

let server: RedisServer
let redis: Redis
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(async () => {
  redis = connection(server.port)
  await until('Redis is there', () => redis.status === 'ready')
  await redis.flushall()
})
afterEach(() => redis.disconnect())

const connection = (port: number) =>
  redisConnection({ url: `redis://127.0.0.1:${port}/0`, store: 'test', events: new Events() })
const open = (clock = systemClock) => redisDirectory({ redis, prefix: PREFIX, clock })
const stored = async () => Object.keys(await redis.hgetall(`${PREFIX}publishers`)).sort()

/** How many times this Redis was told that somebody is gone. */
const removals = async (redis: Redis) =>
  Number(/^cmdstat_hdel:calls=(\d+)/m.exec(await redis.info('commandstats'))?.[1] ?? 0)

directoryContract('redisDirectory', async (clock) => {
  const directory = await open(clock)
  return { directory, close: () => directory.close() }
})

test('what has no lease is there again after a restart; what has one is not', async () => {
  const first = await open()
  first.add({ address: A, name: 'orders' })
  first.add({ address: B, ttlMs: 30_000 })
  const [before] = first.list()
  await first.close()
  const second = await open(fakeClock(systemClock.now() + 60_000))
  expect(second.addresses()).toEqual([A])
  expect(second.list()).toMatchObject([{ name: 'orders', since: before?.since, ttlMs: undefined }])
  await second.close()
})

test('what was removed, or took a lease since, is not there after a restart', async () => {
  const first = await open()
  first.add({ address: A })
  first.add({ address: B })
  first.remove(A)
  first.add({ address: B, ttlMs: 30_000 })
  await first.close()
  expect(await stored()).toEqual([])
})

test('rubbish in the hash costs nobody else their place', async () => {
  await redis.hset(`${PREFIX}publishers`, { [A]: 'no JSON', [B]: '{"name":7,"since":"x"}', nonsense: '{}' })
  const directory = await open()
  expect([...directory.addresses()].sort()).toEqual([A, B])
  for (const { name } of directory.list()) expect(name).toBeUndefined()
  await directory.close()
})

test('while Redis is away everything works from memory; when it is back it is told the latest', async () => {
  const away = await startRedis()
  const far = connection(away.port)
  await until('it is there', () => far.status === 'ready')
  const directory = await redisDirectory({ redis: far, prefix: PREFIX, clock: systemClock })
  directory.add({ address: A })
  await until('Redis was told', async () => (await far.hlen(`${PREFIX}publishers`)) === 1)
  await away.stop()
  await until('it is away', () => far.status !== 'ready')
  directory.remove(A)
  directory.add({ address: B })
  for (let i = 0; i < 1_000; i++) directory.add({ address: B })
  expect(directory.addresses()).toEqual([B])

  const back = await startRedis({ port: away.port })
  await until('Redis was told', async () => far.status === 'ready' && (await far.hlen(`${PREFIX}publishers`)) > 0)
  expect(Object.keys(await far.hgetall(`${PREFIX}publishers`))).toEqual([B])
  await directory.close()
  far.disconnect()
  await back.stop()
})

test('removing addresses that nobody knows is no work for Redis, now or when it is back', async () => {
  const away = await startRedis()
  const far = connection(away.port)
  await until('it is there', () => far.status === 'ready')
  const directory = await redisDirectory({ redis: far, prefix: PREFIX, clock: systemClock })
  for (let port = 1; port <= 1_000; port++) directory.remove(`tcp://10.0.0.1:${port}`)
  directory.add({ address: A })
  await until('Redis was told', async () => (await far.hlen(`${PREFIX}publishers`)) === 1)
  expect(await removals(far)).toBe(0)
  await away.stop()
  await until('it is away', () => far.status !== 'ready')
  for (let port = 1; port <= 1_000; port++) {
    const address = `tcp://10.0.0.1:${port}`
    directory.remove(address)
    // Came and went while Redis was away: it needs to know neither.
    directory.add({ address })
    directory.remove(address)
  }

  const back = await startRedis({ port: away.port })
  directory.add({ address: B })
  await until('Redis was told', async () => far.status === 'ready' && (await far.hlen(`${PREFIX}publishers`)) > 0)
  // The first one was just being written when it went.
  expect(await removals(far)).toBeLessThanOrEqual(1)
  await directory.close()
  far.disconnect()
  await back.stop()
})

test('a registry that has not yet reached its Redis notes no more removals than it can hold', async () => {
  const far = connection(server.port)
  const directory = await redisDirectory({ redis: far, prefix: PREFIX, clock: systemClock })
  await redis.config('RESETSTAT')
  for (let i = 0; i < 30_000; i++) directory.remove(`tcp://10.0.${i % 256}.1:${1 + (i >> 8)}`)
  directory.add({ address: A })
  await until('Redis was told', async () => (await stored()).length === 1)
  expect(await removals(redis)).toBe(20_000)
  await directory.close()
  far.disconnect()
})

test('a registry that starts while Redis is away remembers when it comes, and keeps what it heard meanwhile', async () => {
  await redis.hset(`${PREFIX}publishers`, A, '{}')
  const far = connection(server.port)
  // Not connected yet: every command fails, as if Redis were away.
  const directory = await redisDirectory({ redis: far, prefix: PREFIX, clock: systemClock })
  expect(directory.addresses()).toEqual([])
  directory.add({ address: B })
  let changes = 0
  directory.onChange(() => changes++)
  await until('it remembers', () => directory.addresses().length === 2)
  expect(changes).toBe(1)
  await until('Redis was told', async () => (await stored()).length === 2)
  await directory.close()
  far.disconnect()
})

test('a Redis that refuses to write is tried again', async () => {
  const directory = await open()
  await redis.config('SET', 'maxmemory', '1')
  directory.add({ address: A })
  expect(directory.addresses()).toEqual([A])
  await expect(redis.hset('x', 'y', 'z')).rejects.toThrow('OOM')
  await redis.config('SET', 'maxmemory', '0')
  await until('Redis was told', async () => (await stored()).length === 1)
  await directory.close()
})
