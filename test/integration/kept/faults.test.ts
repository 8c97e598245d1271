import { Redis } from 'ioredis'
import { Dealer } from 'zeromq'
import { backend, Device } from '../../support/device.ts'
import { type GatewayProcess, startGateway } from '../../support/gatewayProcess.ts'
import { freePort, type RedisServer, startRedis } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'

let redis: RedisServer
const gateways: GatewayProcess[] = []
const devices: Device[] = []

beforeEach(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  for (const device of devices.splice(0)) device.leave()
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()))
  await redis.stop()
})

async function start(parts: object = {}): Promise<GatewayProcess> {
  const gateway = await startGateway({
    redis: { url: redis.url },
    limits: { eventsPerSecond: 0 },
    shutdown: { returnWithinMs: 100 },
    ...parts,
  })
  gateways.push(gateway)
  return gateway
}

async function arrive(gateway: { url: string }, user = '42'): Promise<Device> {
  const device = new Device(gateway.url, user)
  devices.push(device)
  return device.greeted()
}

const admin = async <T>(work: (client: Redis) => Promise<T>): Promise<T> => {
  const client = new Redis(redis.url)
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}
const badge = (device: Device, unread: number) =>
  until(`its badge is ${unread}`, () => device.counts?.unread === unread)
const numbers = (many: number) => Array.from({ length: many }, (_, i) => i)

test('two gateways are one: what one takes the other tells, and what is read here is read there', async () => {
  const [here, there] = [await start(), await start()]
  const [a, b] = [await arrive(here), await arrive(there)]
  for (const n of numbers(20)) await backend((n % 2 === 0 ? here : there).url).notify('42', n, { id: `n-${n}` })
  await badge(a, 20)
  await badge(b, 20)
  expect([a.bodies, b.bodies]).toEqual([numbers(20), numbers(20)])
  await a.mark('read', { ids: ['n-3'] })
  await badge(b, 19)
  await backend(here.url).notify('42', 'live', { keep: false })
  await until('both hear it', () => [a, b].every(({ bodies }) => bodies.includes('live')))
  expect([a, b].map(({ hellos }) => hellos.length)).toEqual([1, 1])
})

test('who comes back to another gateway resumes there', async () => {
  const [here, there] = [await start(), await start()]
  const first = await arrive(here)
  await backend(here.url).notify('42', 0)
  await badge(first, 1)
  first.leave()
  await backend(here.url).notify('42', 1)
  const second = new Device(there.url, '42', first.position)
  devices.push(second)
  await until('it has resumed', () => second.heard.length > 0)
  expect([second.hellos[0]?.mode, second.bodies]).toEqual(['resumed', [1]])
})

test('rings that are lost are found, with the next one and without', async () => {
  const [here, there] = [await start(), await start()]
  const device = await arrive(here)
  let sent = 0
  await admin(async (client) => {
    for (let round = 0; round < 10; round++) {
      await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      for (let i = 0; i < 5; i++) await backend(there.url).notify('42', sent++)
    }
  })
  await until('it has heard all', () => device.heard.length >= sent)
  expect(device.bodies).toEqual(numbers(sent))
  await badge(device, sent)
})

/** `DRILL=1` is the long one. */
const [KILLS, NOTIFICATIONS] = process.env['DRILL'] === undefined ? [5, 2_000] : [20, 100_000]
const KEEP = 10_000

test('kill -9 of the gateway again and again: what was acknowledged arrives, once', async () => {
  const [http, ingest] = [await freePort(), await freePort()]
  const parts = {
    http: { port: http, keys: ['a key for tests'], origins: [`http://127.0.0.1:${http}`] },
    zeromq: { ingest: `tcp://127.0.0.1:${ingest}` },
    inbox: { keep: KEEP },
  }
  let gateway = await start(parts)
  const device = await arrive({ url: `http://127.0.0.1:${http}` })
  const sender = startSender(`tcp://127.0.0.1:${ingest}`, NOTIFICATIONS)
  for (let life = 1; life <= KILLS; life++) {
    const share = (life * NOTIFICATIONS) / (KILLS + 1)
    await until('more is acknowledged', () => sender.acknowledged.size >= share, 120_000)
    gateway.signal('SIGKILL')
    await gateway.ended
    gateway = await start(parts)
  }
  await sender.done
  await until('it has heard all', () => device.heard.length >= sender.acknowledged.size, 120_000)
  const ids = device.heard.map(({ meta }) => meta.id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(new Set(ids)).toEqual(sender.acknowledged)
  expect(sender.acknowledged.size).toBe(NOTIFICATIONS)
  await badge(device, Math.min(NOTIFICATIONS, KEEP))
}, 600_000)

test('a Redis that comes back empty: everybody starts over under a new epoch, and no seq is given twice', async () => {
  const gateway = await start()
  const api = backend(gateway.url)
  const device = await arrive(gateway)
  const before = await api.notify('42', 'forgotten', { id: 'one' })
  await badge(device, 1)
  const { port } = redis
  await redis.stop()
  redis = await startRedis({ port })
  await until('it starts over', () => device.hellos.length === 2)
  const [old, fresh] = device.hellos
  expect(fresh).toMatchObject({ mode: 'snapshot', counts: { unread: 0 }, items: [] })
  expect(fresh?.position.epoch).not.toBe(old?.position.epoch)
  expect(fresh?.counts.rev).toBeGreaterThan(old?.counts.rev ?? Number.POSITIVE_INFINITY)
  const again = await api.notify('42', 'forgotten', { id: 'one' })
  expect(again).toMatchObject({ duplicate: false })
  expect(again.store).not.toBe(before.store)
  await badge(device, 1)
  expect(device.byes).toEqual([])
})

test('a Redis that stands still: who is connected stays, everybody else is asked to try again, nothing is lost', async () => {
  const gateway = await start()
  const api = backend(gateway.url)
  const device = await arrive(gateway)
  await api.notify('42', 'before', { id: 'before' })
  await badge(device, 1)
  process.kill(redis.pid, 'SIGSTOP')
  try {
    const refusal = { code: 'store.unavailable', retry: true }
    const [sent, marked] = await Promise.all([
      api.notify('42', 'meanwhile', { id: 'meanwhile' }),
      device.mark('read', { ids: ['before'] }),
    ])
    expect(sent).toMatchObject({ status: 503, ok: false, error: refusal })
    expect(marked).toMatchObject({ ok: false, error: refusal })
    await api.notify('42', 'live', { keep: false })
    await until('live goes on', () => device.bodies.includes('live'))
    const newcomer = new Device(gateway.url, '43')
    devices.push(newcomer)
    await until('it is refused', () => newcomer.refusals.length > 0 || newcomer.byes.length > 0)
    process.kill(redis.pid, 'SIGCONT')
    await newcomer.greeted()
  } finally {
    process.kill(redis.pid, 'SIGCONT')
  }
  await until('it is stored', async () => (await api.notify('42', 'meanwhile', { id: 'meanwhile' })).ok)
  await until('it is marked', async () => (await device.mark('read', { ids: ['before'] })).ok)
  await badge(device, 1)
  await until('it has heard it', () => device.bodies.includes('meanwhile'))
  expect(device.bodies.filter((body) => body !== 'live')).toEqual(['before', 'meanwhile'])
})

test('a Redis that is full refuses what is new, and takes it when there is room', async () => {
  const gateway = await start()
  const api = backend(gateway.url)
  const device = await arrive(gateway)
  await admin((client) => client.config('SET', 'maxmemory', '1'))
  const refused = await api.notify('42', 'hi', { id: 'one' })
  expect(refused).toMatchObject({ status: 503, error: { code: 'store.unavailable', retry: true } })
  await admin((client) => client.config('SET', 'maxmemory', '0'))
  expect(await api.notify('42', 'hi', { id: 'one' })).toMatchObject({ ok: true, duplicate: false })
  await badge(device, 1)
})

/** Sends each until it is acknowledged, whoever answers: a foreign program that knows only the protocol. */
function startSender(address: string, many: number) {
  const acknowledged = new Set<string>()
  const socket = new Dealer({ linger: 0, reconnectInterval: 20 })
  socket.connect(address)
  let next = 0
  const waiting = new Set<number>()
  const send = (n: number) =>
    socket.send(JSON.stringify({ recipient: '42', id: `o-${n}`, notification: n })).catch(() => {})
  const hear = async () => {
    for await (const frames of socket) {
      const reply = JSON.parse(`${frames.at(-1)}`) as { ok: boolean; id: string }
      if (!reply.ok) continue
      acknowledged.add(reply.id)
      waiting.delete(Number(reply.id.slice(2)))
    }
  }
  const talk = async () => {
    while (acknowledged.size < many) {
      for (const n of waiting) await send(n)
      while (waiting.size < 100 && next < many) {
        waiting.add(next)
        await send(next++)
      }
      const seen = acknowledged.size
      const patience = performance.now() + 500
      await until('something is acknowledged', () => acknowledged.size > seen + 50 || performance.now() > patience)
    }
    socket.close()
  }
  void hear().catch(() => {})
  return { acknowledged, done: talk() }
}
