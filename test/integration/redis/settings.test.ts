import { Redis } from 'ioredis'
import { Events, type GatewayEvents } from '../../../src/core/events.ts'
import { checkSettings } from '../../../src/redis/settings.ts'
import { startBackend } from '../../support/redisBackend.ts'
import { type RedisServer, startRedis } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'

let server: RedisServer
let redis: Redis
beforeEach(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
})
afterEach(async () => {
  redis.disconnect()
  await server.stop()
})

async function check(connection = redis) {
  const events = new Events()
  const unsafe: GatewayEvents['store.unsafe'][] = []
  const unchecked: string[] = []
  events.on('store.unsafe', (facts) => unsafe.push(facts))
  events.on('store.unchecked', ({ reason }) => unchecked.push(reason))
  await checkSettings(connection, 'redis', events)
  return { unsafe: unsafe.map(({ setting, value }) => `${setting} ${value}`), unchecked }
}

test('each setting that may lose inboxes is named with its value, and one that may not is not', async () => {
  expect(await check()).toEqual({ unsafe: ['appendonly no'], unchecked: [] })
  await redis.config('SET', 'appendonly', 'yes')
  expect(await check()).toEqual({ unsafe: [], unchecked: [] })
  await redis.config('SET', 'appendfsync', 'no')
  await redis.config('SET', 'maxmemory-policy', 'volatile-lru')
  expect((await check()).unsafe).toEqual(['appendfsync no', 'maxmemory-policy volatile-lru'])
})

test('a Redis with replicas, and one that is a replica, say what a failover may cost', async () => {
  await redis.config('SET', 'appendonly', 'yes')
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', `${server.port}`, '--appendonly', 'yes'] })
  const other = new Redis(replica.url)
  await until('it has a replica', async () => (await redis.info('replication')).includes('connected_slaves:1'))
  expect((await check()).unsafe).toEqual(['min-replicas-to-write 0'])
  expect((await check(other)).unsafe).toEqual(['role replica'])
  await redis.config('SET', 'min-replicas-to-write', '1')
  expect((await check()).unsafe).toEqual([])
  other.disconnect()
  await replica.stop()
})

test('where the settings may not be looked at, that is told once and nothing else', async () => {
  await redis.call('ACL', 'SETUSER', 'default', '-config')
  expect(await check()).toEqual({ unsafe: [], unchecked: [expect.stringContaining('NOPERM')] })
})

test('they are looked at when a gateway starts, and again when its Redis is another one', async () => {
  const events = new Events()
  let warnings = 0
  events.on('store.unsafe', () => warnings++)
  const backend = await startBackend(server.port, {}, { events })
  await until('it warns', () => warnings === 1)
  await server.stop()
  server = await startRedis({ port: server.port })
  await until('it warns again', () => warnings === 2)
  await backend.close()
})
