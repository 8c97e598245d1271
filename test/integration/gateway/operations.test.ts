import { spawn } from 'node:child_process'
import { createNotifier } from '../../../src/sdk/notifier/index.ts'
import {
  type GatewayProcess,
  heraldo,
  JWT_SECRET,
  PROGRAM,
  startGateway,
  startProcess,
  testConfig,
} from '../../support/gatewayProcess.ts'
import { requirePython } from '../../support/python.ts'
import { encodeMessage, rawPublisher } from '../../support/rawZmtp.ts'
import { freePort, type RedisServer, startRedis } from '../../support/redisServer.ts'
import { token } from '../../support/sessions.ts'
import { type Browser, browse, rawClient } from '../../support/socketioClients.ts'
import { until } from '../../support/until.ts'
import { testNotifier } from '../../support/zeromq.ts'
import { asker } from '../../support/zeromqRegistry.ts'

const atEnd: (() => unknown)[] = []
afterEach(async () => {
  for (const end of atEnd.splice(0).reverse()) await end()
})

async function gateway(parts: Parameters<typeof startGateway>[0] = {}): Promise<GatewayProcess> {
  const started = await startGateway(parts)
  atEnd.push(() => started.stop())
  return started
}

async function tab(url: string, user: string, options: object = {}): Promise<Browser> {
  const browser = await browse(url, await token(user), options)
  atEnd.push(() => browser.socket.disconnect())
  return browser
}

async function notifierFor(user: string) {
  const notifier = await testNotifier()
  atEnd.push(() => notifier.close())
  return { ...notifier, hears: () => until(`the notifier knows ${user}`, () => notifier.filters.has(`${user}|`)) }
}

test('the notifier SDK registers, knows when the gateway hears, and is heard with its counting', async () => {
  const { url, registry } = await gateway()
  const browser = await tab(url, 'a|b')
  const orders = await createNotifier({ name: 'orders', registry: registry.rep })
  atEnd.push(() => orders.close())
  await orders.ready({ timeoutMs: 5000 })
  for (let i = 1; i <= 100; i++) await orders.notify('a|b', { i }, { type: 'order', id: `o-${i}`, ttl: 60 })
  await until('all have arrived', () => browser.bodies.length === 100)
  expect(browser.bodies).toEqual(Array.from({ length: 100 }, (_, i) => ({ i: i + 1 })))
  expect(browser.metas[0]).toMatchObject({ id: 'orders:o-1', type: 'order', expiresAt: expect.any(Number) })
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('\nheraldo_live_gaps_total 0\n')
})

test('a Python worker of 2013, unchanged, is heard', async () => {
  const { url, registry } = await gateway()
  const browser = await tab(url, '42')
  const worker = spawn(requirePython('zmq'), ['notifiers/worker2013.py', `${await freePort()}`, '42', '420'], {
    env: { ...process.env, HERALDO_REGISTRY: registry.rep },
    stdio: 'ignore',
  })
  atEnd.push(() => worker.kill('SIGKILL'))
  await until('it was heard twice', () => browser.bodies.length >= 2)
  expect(browser.bodies[0]).toMatchObject({ from: 'worker2013' })
})

test('a worker without a lease is known again after the registry with Redis was restarted', async () => {
  const redis: RedisServer = await startRedis()
  atEnd.push(() => redis.stop())
  const first = await startGateway({ redis: { url: redis.url } })
  const before = asker(first.registry.rep)
  await before.ask({ type: 'add-publisher', address: 'tcp://127.0.0.1:20199' })
  await before.ask({ type: 'add-publisher', address: 'tcp://127.0.0.1:20198', ttl: 3600, name: 'leased' })
  await before.close()
  await first.stop()
  const second = await gateway({ redis: { url: redis.url } })
  const after = asker(second.registry.rep)
  atEnd.push(() => after.close())
  expect(await after.ask({ type: 'get-publishers' })).toEqual(['tcp://127.0.0.1:20199'])
})

test('a registry that stands alone serves a gateway, and its restart disconnects nobody', async () => {
  const config = await testConfig()
  const { rep, pub } = config.zeromq.registry
  const env = { HERALDO_ZEROMQ_REGISTRY_REP: rep, HERALDO_ZEROMQ_REGISTRY_PUB: pub }
  const alone = () => startProcess([PROGRAM, 'registry'], { env })
  const first = alone()
  await until('the registry is ready', () => first.stdout().includes('registry ready'))
  const { url } = await gateway({ zeromq: { registry: { serve: false, rep, pub } } })
  const browser = await tab(url, '42')
  const notifier = await notifierFor('42')
  const ask = asker(rep)
  atEnd.push(() => ask.close())
  await ask.ask({ type: 'add-publisher', address: notifier.address })
  await notifier.hears()
  await notifier.send('42|1')
  await until('it arrived', () => browser.bodies.length === 1)
  expect(await first.stop()).toBe(0)
  await notifier.send('42|2')
  await until('it arrives without a registry', () => browser.bodies.length === 2)
  const second = alone()
  atEnd.push(() => second.stop())
  await until('the registry is back, and empty', async () => {
    const list = await ask.ask({ type: 'get-publishers' }).catch(() => undefined)
    return Array.isArray(list) && list.length === 0
  })
  const told = notifier.told.length
  await notifier.send('42|3')
  await until('it arrives with an empty registry', () => browser.bodies.length === 3)
  expect(notifier.told).toHaveLength(told)
  const another = await notifierFor('42')
  await ask.ask({ type: 'add-publisher', address: notifier.address })
  await ask.ask({ type: 'add-publisher', address: another.address })
  await another.hears()
  await ask.ask({ type: 'remove-publisher', address: notifier.address })
  await until('the gateway let go of it', () => !notifier.filters.has('42|'))
})

test('addresses where nobody listens, port 1 and notifiers that come later disturb nobody', async () => {
  const port = await freePort()
  const { url, registry } = await gateway({
    zeromq: { notifiers: [`tcp://127.0.0.1:${await freePort()}`, 'tcp://127.0.0.1:1', `tcp://127.0.0.1:${port}`] },
  })
  const ask = asker(registry.rep)
  atEnd.push(() => ask.close())
  expect(await ask.ask({ type: 'add-publisher', address: 'nonsense' })).toMatchObject({
    error: { code: 'registry.address' },
  })
  expect(await ask.ask('nonsense')).toMatchObject({ error: { code: 'registry.request' } })
  const browser = await tab(url, '42')
  const notifier = await testNotifier(`tcp://127.0.0.1:${port}`)
  atEnd.push(() => notifier.close())
  await until('the notifier that came later is followed', () => notifier.filters.has('42|'))
  await notifier.send('42|"late"')
  await until('it arrived', () => browser.bodies.length === 1)
})

test('a token that runs out ends its connection for good, unless a fresh one comes in time', async () => {
  const { url } = await gateway({ sessions: [{ use: 'jwt', secret: JWT_SECRET, clockTolerance: 0 }] })
  const shortLived = await token('42', 3)
  const leaving = await browse(url, shortLived)
  const staying = await browse(url, shortLived)
  atEnd.push(() => leaving.socket.disconnect())
  atEnd.push(() => staying.socket.disconnect())
  const ask = (payload: unknown) => staying.socket.timeout(5000).emitWithAck('auth', payload)
  expect(await ask({ token: await token('43') })).toMatchObject({ ok: false, error: { code: 'session.invalid' } })
  expect(await ask({ tokken: 1 })).toMatchObject({ ok: false, error: { code: 'event.invalid' } })
  expect(await ask({ token: await token('42', 3600) })).toEqual({ ok: true, expiresAt: expect.any(Number) })
  await until('the one without a fresh token is sent away', () => leaving.disconnects.length > 0)
  expect(leaving.byes).toEqual([{ code: 'expired', retryInMs: 0 }])
  expect(leaving.disconnects).toEqual(['io server disconnect'])
  expect([staying.disconnects, staying.byes]).toEqual([[], []])
})

test('SIGTERM delivers what has arrived, says bye to every tab, and ends with 0', async () => {
  const notifier = await rawPublisher()
  atEnd.push(() => notifier.close())
  const server = await gateway({
    shutdown: { timeoutMs: 5000, returnWithinMs: 400 },
    zeromq: { notifiers: [notifier.address] },
  })
  const tabs = [await tab(server.url, '42'), await tab(server.url, '42', { transports: ['polling'] })]
  await until('the notifier is connected', () => notifier.peers === 1)
  // While it stands still, the kernel takes what is sent: it has arrived, and nobody has read it.
  server.signal('SIGSTOP')
  const messages = [...Array(500).keys(), 'last']
  await notifier.sendRaw(Buffer.concat(messages.map((body) => encodeMessage(`42|${JSON.stringify(body)}`))))
  server.signal('SIGTERM')
  server.signal('SIGCONT')
  expect(await server.ended).toBe(0)
  for (const { bodies, byes, disconnects } of tabs) {
    await until('the tab heard that it was sent away', () => disconnects.length > 0)
    expect(bodies).toEqual(messages)
    expect(byes).toEqual([{ code: 'drain', retryInMs: expect.any(Number) }])
    expect(byes[0]?.retryInMs).toBeLessThanOrEqual(400)
  }
})

test('a second signal ends at once', async () => {
  const server = await startGateway({ shutdown: { timeoutMs: 60_000, returnWithinMs: 0 } })
  const { ws } = await rawClient(server.port, await token('42'))
  atEnd.push(() => ws.terminate())
  // It reads no more, so it never answers its farewell, and the drain waits for it.
  ws.pause()
  server.signal('SIGTERM')
  await until('it drains', async () => (await fetch(`${server.url}/readyz`).catch(() => undefined))?.status !== 200)
  server.signal('SIGINT')
  expect(await server.ended).toBe(1)
})

test('a port that is taken is one clear sentence, and nothing stays behind', async () => {
  const { port } = await gateway()
  const config = await testConfig()
  const { rep, pub } = config.zeromq.registry
  const env = {
    HERALDO_HTTP_PORT: `${port}`,
    HERALDO_ZEROMQ_REGISTRY_REP: rep,
    HERALDO_ZEROMQ_REGISTRY_PUB: pub,
    HERALDO_LOG_LEVEL: 'silent',
  }
  expect(await heraldo(['start'], env)).toEqual({
    code: 1,
    stdout: '',
    stderr: `heraldo: http.port: port ${port} on 127.0.0.1 is taken by another program.\n`,
  })
  const other = await startGateway({})
  atEnd.push(() => other.stop())
  const busy = { ...env, HERALDO_HTTP_PORT: '0', HERALDO_ZEROMQ_REGISTRY_REP: other.registry.rep }
  const refused = await heraldo(['start'], busy)
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(new RegExp(`^heraldo: .*${other.registry.rep}.*\\n$`))
})
