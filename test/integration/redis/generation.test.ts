import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Redis } from 'ioredis'
import { Events } from '../../../src/core/events.ts'
import { systemClock as clock } from '../../../src/memory/clock.ts'
import { redisConnection } from '../../../src/redis/connection.ts'
import { redisGeneration } from '../../../src/redis/generation.ts'
import { copyOf } from '../../contracts/inbox/bench.ts'
import { startBackend } from '../../support/redisBackend.ts'
import { startRedis as launch } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function startRedis() {
  const redis = await launch()
  closers.push(redis.stop)
  return redis
}

/** Forwards whoever comes to the port that is named for him. */
async function forwarder(portOf: (visitor: number) => number): Promise<number> {
  const sockets: Socket[] = []
  let visitors = 0
  const server = createServer((socket) => {
    const there = connect(portOf(++visitors), '127.0.0.1')
    sockets.push(socket, there)
    for (const [from, to] of [
      [socket, there],
      [there, socket],
    ] as const)
      from
        .on('error', () => {})
        .on('close', () => to.destroy())
        .pipe(to)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function runIdAt(url: string): Promise<string | undefined> {
  const redis = new Redis(url)
  const info = await redis.info('server')
  redis.disconnect()
  return /^run_id:(\w+)/m.exec(info)?.[1]
}

test('while a failover is half done, nothing is asked of either Redis; then all of the new one', async () => {
  const [old, fresh] = [await startRedis(), await startRedis()]
  const port = await forwarder((visitor) => (visitor === 1 ? old.port : fresh.port))
  const redis = redisConnection({ url: `redis://127.0.0.1:${port}`, store: 'test', events: new Events() })
  const reasons: string[] = []
  const generation = redisGeneration({ redis, clock, prepare: () => [], onRefusal: (reason) => reasons.push(reason) })
  closers.push(() => {
    generation.close()
    redis.disconnect()
  })
  const seen = new Set<string | undefined>()
  generation.onKnown(() => seen.add(generation.current()))
  await generation.asked
  expect([generation.current(), generation.connection()]).toEqual([undefined, undefined])
  await until('it is known', () => generation.current() !== undefined)
  expect([...seen]).toEqual([await runIdAt(fresh.url)])
  expect(reasons).toEqual(['its address leads to two'])
})

test('when the connection of the scripts is cut, it alone is made anew, and nobody is told of a lost store', async () => {
  const { port, url } = await startRedis()
  const events = new Events()
  const lost: string[] = []
  events.on('store.lost', ({ reason }) => lost.push(reason))
  const { inbox, isUp, close } = await startBackend(port, {}, { events })
  closers.push(close)
  let changes = 0
  inbox.onGeneration(() => changes++)
  const admin = new Redis(url)
  closers.push(() => admin.disconnect())
  for (let round = 1; round <= 3; round++) {
    await inbox.keep([copyOf('ann', `n${round}`)])
    const [, id = ''] = /^id=(\d+) .* cmd=evalsha /m.exec(`${await admin.client('LIST')}`) ?? []
    await admin.client('KILL', 'ID', id)
    await until('it is seen', () => !isUp())
    await expect(inbox.keep([copyOf('ann', 'meanwhile')])).rejects.toMatchObject({ code: 'store.unavailable' })
    await until('it is back', isUp)
  }
  expect([lost, changes]).toEqual([[], 0])
})

test('a Redis where scripts may not be loaded is a lost store, until they may', async () => {
  const { port, url } = await startRedis()
  const admin = new Redis(url)
  closers.push(() => admin.disconnect())
  await admin.call('ACL', 'SETUSER', 'default', '-script')
  const events = new Events()
  const lost: string[] = []
  events.on('store.lost', ({ reason }) => lost.push(reason))
  const { inbox, isUp, close } = await startBackend(port, {}, { events, wait: false })
  closers.push(close)
  await until('it is told', () => lost.some((reason) => reason.includes('NOPERM')))
  await expect(inbox.keep([copyOf('ann', 'a')])).rejects.toMatchObject({ code: 'store.unavailable' })
  await admin.call('ACL', 'SETUSER', 'default', '+script')
  await until('it is up', isUp)
  expect(await inbox.keep([copyOf('ann', 'a')])).toMatchObject([{ outcome: 'stored' }])
})
