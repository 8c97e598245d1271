import { Redis } from 'ioredis'
import { Events } from '../../src/core/events.ts'
import { redisConnection } from '../../src/redis/connection.ts'
import { redisSessionStore } from '../../src/redis/sessionStore.ts'
import { freePort, type RedisServer, startRedis } from '../support/redisServer.ts'
import { until } from '../support/until.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

test('a store reads bytes as they are, and null where there is nothing', async () => {
  const { server, store } = await running()
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  await fill(server, 'sessions:1', bytes)
  expect(await store.lookup('sessions:1').then((value) => value && Buffer.from(value).equals(bytes))).toBe(true)
  expect(await store.lookup('sessions:2')).toBeNull()
  expect(store.isUp()).toBe(true)
})

test('a value of a megabyte is read, one byte more is refused without being fetched', async () => {
  const { server, store } = await running()
  await fill(server, 'just', Buffer.alloc(1_048_576, 1))
  await fill(server, 'more', Buffer.alloc(1_048_577, 1))
  await fill(server, 'much', Buffer.alloc(32 * 1_048_576, 1))
  expect(await store.lookup('just')).toHaveLength(1_048_576)
  await expect(store.lookup('more')).rejects.toMatchObject({ code: 'session.invalid', reason: 'LIMIT' })
  await expect(store.lookup('much')).rejects.toMatchObject({ code: 'session.invalid', reason: 'LIMIT' })
})

test('a key that holds no text is no session store', async () => {
  const { server, store } = await running()
  const admin = new Redis(server.url)
  closing.push(() => admin.disconnect())
  await admin.rpush('list', 'a')
  await expect(store.lookup('list')).rejects.toMatchObject({ code: 'store.unavailable' })
})

test('Redis is away when the gateway starts: lookups say so at once, and work soon after it came', async () => {
  const port = await freePort()
  const { store, announced } = connect(`redis://127.0.0.1:${port}/0`)
  await expect(store.lookup('a')).rejects.toMatchObject({ code: 'store.unavailable', retry: true })
  expect(store.isUp()).toBe(false)
  await until('the loss is announced', () => announced.length > 0)
  await started({ port })
  await until('it is found', () => store.isUp(), 1_500)
  expect(await store.lookup('a')).toBeNull()
  expect(announced).toEqual(['store.lost sessions', 'store.found sessions'])
})

test('Redis dies and comes back: what is asked meanwhile is refused at once, and then it works again', async () => {
  const { server, store, announced } = await running()
  await server.stop()
  await until('the loss is seen', () => !store.isUp())
  for (let i = 0; i < 3; i++) {
    const askedAt = performance.now()
    await expect(store.lookup('a')).rejects.toMatchObject({ code: 'store.unavailable', retry: true })
    expect(performance.now() - askedAt).toBeLessThan(1_800)
  }
  const back = await started({ port: server.port })
  await until('it is found again', () => store.isUp(), 1_500)
  await fill(back, 'a', Buffer.from('1'))
  expect(await store.lookup('a')).toHaveLength(1)
  expect(announced).toEqual(['store.found sessions', 'store.lost sessions', 'store.found sessions'])
})

test('what is asked in the moment Redis dies is refused, not left waiting', async () => {
  const { server, store } = await running()
  process.kill(server.pid, 'SIGSTOP')
  const asked = store.lookup('a')
  const killedAt = performance.now()
  process.kill(server.pid, 'SIGKILL')
  await expect(asked).rejects.toMatchObject({ code: 'store.unavailable' })
  expect(performance.now() - killedAt).toBeLessThan(5_000)
})

test('a Redis that hangs is unavailable after two seconds, and serves again when it goes on', async () => {
  const { server, store } = await running()
  process.kill(server.pid, 'SIGSTOP')
  const askedAt = performance.now()
  await expect(store.lookup('a')).rejects.toMatchObject({ code: 'store.unavailable', retry: true })
  expect(performance.now() - askedAt).toBeLessThan(15_000)
  process.kill(server.pid, 'SIGCONT')
  await until('it serves again', async () => (await store.lookup('a').catch(() => 'away')) === null, 5_000)
})

test('a refusal does not tell which session was asked for', async () => {
  const { store } = connect(`redis://127.0.0.1:${await freePort()}/0`)
  const refusal = await store.lookup('secret-session-id').catch((error: unknown) => error)
  expect(refusal).toMatchObject({ code: 'store.unavailable' })
  expect(JSON.stringify(refusal, Object.getOwnPropertyNames(refusal))).not.toContain('secret-session-id')
})

test('closing ends the connection, and nothing is announced', async () => {
  const { store, announced } = await running()
  await store.close()
  await until('it is closed', () => !store.isUp())
  await expect(store.lookup('a')).rejects.toMatchObject({ code: 'store.unavailable' })
  expect(announced).toEqual(['store.found sessions'])
})

async function running() {
  const server = await started()
  const connected = connect(server.url)
  await until('the store is up', () => connected.store.isUp())
  return { server, ...connected }
}

async function started(options: { port?: number } = {}): Promise<RedisServer> {
  const server = await startRedis(options)
  closing.push(server.stop)
  return server
}

function connect(url: string) {
  const events = new Events()
  const announced: string[] = []
  for (const name of ['store.lost', 'store.found'] as const)
    events.on(name, ({ store }) => void announced.push(`${name} ${store}`))
  const store = redisSessionStore(redisConnection({ url, store: 'sessions', events }))
  closing.push(store.close)
  return { store, announced }
}

async function fill(server: RedisServer, key: string, value: Buffer): Promise<void> {
  const redis = new Redis(server.url)
  await redis.set(key, value)
  redis.disconnect()
}
