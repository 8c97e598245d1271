import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { openBackend } from '../../src/backend.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Events } from '../../src/core/events.ts'
import { handshakeAt } from '../fixtures/sessionFixtures.ts'
import { freePort, type RedisServer, startRedis } from '../support/redisServer.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'heraldo-backend-'))
let shared: RedisServer
let own: RedisServer

beforeAll(async () => {
  shared = await startRedis()
  own = await startRedis()
})
afterAll(async () => {
  await shared.stop()
  await own.stop()
  rmSync(folder, { recursive: true })
})

test('a backend that cannot be opened leaves no connection to Redis, which would keep the process alive', async () => {
  const config = configOf({ redis: { url: shared.url }, sessions: [express(), express(own.url)] })
  const beaker = { use: 'beaker' as const, cookie: 'a', secret: 's', user: ['id'], timeout: null }
  const broken = { ...config, sessions: [...config.sessions, { ...beaker, key: 'the same for all' }] }
  await expect(openBackend(broken, new Events())).rejects.toThrow('no {id}')
  await nobodyIsConnected()
})

test('a resolver reads its own Redis, the others the one at the top, and nothing is mixed up', async () => {
  await keep(shared, 'abc', 'of the top')
  await keep(own, 'abc', 'of its own')
  const sessions = [express(own.url, 'own'), express(undefined, 'top')]
  const backend = await openBackend(configOf({ redis: { url: shared.url }, sessions }), new Events())
  const [ownResolver, topResolver] = backend.resolvers
  expect(await ownResolver?.resolve(handshakeAt(1, cookie('own')))).toMatchObject({ user: { id: 'of its own' } })
  expect(await topResolver?.resolve(handshakeAt(1, cookie('top')))).toMatchObject({ user: { id: 'of the top' } })
  expect(backend.missing()).toEqual([])
  backend.directory.add({ address: 'tcp://127.0.0.1:1', name: undefined, ttlMs: undefined })
  await until('the directory is at the top', async () => (await keysOf(shared)).includes('heraldo:publishers'))
  expect(await keysOf(own)).toEqual(['sess:abc'])
  await backend.close()
  await nobodyIsConnected()
})

test('resolvers that name the same Redis share one connection, also with the one at the top', async () => {
  const sessions = [express(own.url), express(own.url), express(shared.url), express()]
  const backend = await openBackend(configOf({ redis: { url: shared.url }, sessions }), new Events())
  expect(await connectionsOf(own)).toBe(1)
  // Who subscribes needs one for that alone, and so do the scripts.
  expect(await connectionsOf(shared)).toBe(3)
  await backend.close()
  await nobodyIsConnected()
})

test('sessions in a Redis of their own need none at the top', async () => {
  await keep(own, 'abc', '42')
  const backend = await openBackend(configOf({ sessions: [express(own.url)] }), new Events())
  expect(await backend.resolvers[0]?.resolve(handshakeAt(1, cookie('sid')))).toMatchObject({ user: { id: '42' } })
  expect(backend.directory.list()).toEqual([])
  await backend.close()
  await nobodyIsConnected()
})

test('a Redis that is away is named, and the others serve', async () => {
  const away = `redis://:confidential@127.0.0.1:${await freePort()}`
  const events = new Events()
  const lost: string[] = []
  events.on('store.lost', ({ store }) => void lost.push(store))
  const sessions = [{ use: 'authTkt', secret: 's' }, express(away, 'away'), express(undefined, 'top')]
  const backend = await openBackend(configOf({ redis: { url: shared.url }, sessions }), events)
  expect(backend.missing()).toEqual(['redis of sessions[1]'])
  expect(lost).toEqual(['redis of sessions[1]'])
  await expect(backend.resolvers[1]?.resolve(handshakeAt(1, cookie('away')))).rejects.toMatchObject({
    code: 'store.unavailable',
  })
  await keep(shared, 'abc', '42')
  expect(await backend.resolvers[2]?.resolve(handshakeAt(1, cookie('top')))).toMatchObject({ user: { id: '42' } })
  await backend.close()
  await nobodyIsConnected()

  const reversed = configOf({ redis: { url: away }, sessions: [express(own.url)] })
  const other = await openBackend(reversed, new Events())
  expect(other.missing()).toEqual(['redis'])
  await other.close()
})

test('the keys of tokens are asked for at the address in the configuration', async () => {
  const asked: (string | undefined)[] = []
  const issuer = createServer(({ url }, response) => {
    asked.push(url)
    response.writeHead(503).end()
  })
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve))
  const jwksUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys?tenant=1`
  const backend = await openBackend(configOf({ sessions: [{ use: 'jwt', jwksUrl }] }), new Events())
  const token = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30.c2lnbmF0dXJl`
  await expect(backend.resolvers[0]?.resolve(handshakeAt(1, { token }))).rejects.toMatchObject({
    code: 'store.unavailable',
  })
  expect(asked).toEqual(['/keys?tenant=1'])
  await backend.close()
  issuer.closeAllConnections()
  await new Promise((resolve) => issuer.close(resolve))
})

function configOf(content: object) {
  const file = join(folder, 'heraldo.json')
  writeFileSync(file, JSON.stringify(content))
  return loadConfig({ file, env: {} })
}

const express = (url?: string, cookie = 'sid') => ({
  use: 'expressSession' as const,
  cookie,
  secret: 's',
  user: ['id'],
  ...(url !== undefined && { redis: { url } }),
})

function cookie(name: string) {
  const mac = createHmac('sha256', 's').update('abc').digest('base64').replace(/=+$/, '')
  return { cookie: `${name}=${encodeURIComponent(`s:abc.${mac}`)}` }
}

async function keep(server: RedisServer, id: string, user: string): Promise<void> {
  await asked(server, (admin) => admin.set(`sess:${id}`, JSON.stringify({ cookie: {}, id: user })))
}

const keysOf = (server: RedisServer) => asked(server, (admin) => admin.keys('*'))

/** Beside ours. */
const connectionsOf = (server: RedisServer) =>
  asked(server, async (admin) => `${await admin.client('LIST')}`.trim().split('\n').length - 1)

async function nobodyIsConnected(): Promise<void> {
  for (const server of [shared, own])
    await until('only we are connected', async () => (await connectionsOf(server)) === 0)
}

async function asked<T>(server: RedisServer, question: (admin: Redis) => Promise<T>): Promise<T> {
  const admin = new Redis(server.url)
  try {
    return await question(admin)
  } finally {
    admin.disconnect()
  }
}
