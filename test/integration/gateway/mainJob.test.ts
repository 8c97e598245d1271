import WebSocket from 'ws'
import { type GatewayProcess, heraldo, KEY, startGateway } from '../../support/gatewayProcess.ts'
import { type RedisServer, startRedis } from '../../support/redisServer.ts'
import { BEAKER, beakerCookie, token } from '../../support/sessions.ts'
import { type Browser, browse } from '../../support/socketioClients.ts'
import { until } from '../../support/until.ts'
import { type TestNotifier, testNotifier } from '../../support/zeromq.ts'
import { asker } from '../../support/zeromqRegistry.ts'

const INFO = { name: ['repoze.who.tkt', 'name'], who: ['repoze.who.tkt'], gone: ['gone'] }

let redis: RedisServer
let gateway: GatewayProcess
let notifier: TestNotifier
const browsers: Browser[] = []

beforeAll(async () => {
  redis = await startRedis()
  gateway = await startGateway({
    redis: { url: redis.url },
    sessions: [
      { ...BEAKER, info: INFO },
      { use: 'jwt', secret: 'a secret of at least thirty-two bytes' },
    ],
  })
  notifier = await testNotifier()
}, 60_000)

afterEach(() => {
  for (const { socket } of browsers.splice(0)) socket.disconnect()
})

afterAll(async () => {
  await notifier.close()
  await gateway.stop()
  await redis.stop()
})

async function tab(credential: { token?: string; cookie?: string }, options: object = {}): Promise<Browser> {
  const headers = credential.cookie === undefined ? {} : { extraHeaders: { Cookie: credential.cookie } }
  const browser = await browse(gateway.url, credential.token, { ...headers, ...options })
  browsers.push(browser)
  return browser
}

const metric = async (name: string) => {
  const page = await (await fetch(`${gateway.url}/metrics`)).text()
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(page)?.[1])
}

test('a notifier that asks the registry in the words of 2013 reaches every tab of the right user, and nobody else', async () => {
  const registry = asker(gateway.registry.rep)
  const added = await registry.ask(JSON.stringify({ type: 'add-publisher', address: notifier.address }))
  expect(added).toEqual([notifier.address])
  await registry.close()
  const tabs = [
    await tab({ token: await token('42') }),
    await tab({ cookie: await beakerCookie(redis.url, '42') }),
    await tab({ token: await token('42') }, { transports: ['polling'] }),
  ]
  const others = [await tab({ token: await token('43') }), await tab({ token: await token('420') })]
  expect(tabs.map(({ hellos }) => hellos[0])).toMatchObject(
    Array(3).fill({ user: { id: '42' }, mode: 'fresh', counts: { unread: 0, unseen: 0 } }),
  )
  await until('the notifier knows who is there', () =>
    ['42|', '43|', '420|', '*|'].every((filter) => notifier.filters.has(filter)),
  )
  await notifier.send('42|{"text": "¡hola!", "n": 12345678901234567890}')
  await notifier.send(
    '42|',
    '{"v":1,"id":"o-17","type":"order.shipped","at":1763750000000,"source":"orders","epoch":"e","seq":1}',
    '{"order":17}',
  )
  await notifier.send('*|"everyone"')
  await until('all tabs heard all', () => [...tabs, ...others].every(({ bodies }) => bodies.at(-1) === 'everyone'))
  for (const { bodies, metas } of tabs) {
    expect(bodies).toEqual([{ text: '¡hola!', n: 12345678901234567000 }, { order: 17 }, 'everyone'])
    expect(metas[1]).toEqual({ id: 'orders:o-17', type: 'order.shipped', at: 1763750000000 })
  }
  for (const { bodies } of others) expect(bodies).toEqual(['everyone'])
})

test.each<[string, () => Promise<{ token?: string; cookie?: string }>, string, string]>([
  ['no credential', async () => ({}), 'session.missing', 'NO_COOKIE'],
  [
    'a forged token',
    async () => ({ token: await token('42', 3600, 'another secret of thirty-two bytes, really') }),
    'session.invalid',
    'BAD_SIGNATURE',
  ],
  ['an expired token', async () => ({ token: await token('42', -60) }), 'session.expired', 'EXPIRED'],
  [
    'a forged cookie',
    async () => ({ cookie: `notifsess=${'0'.repeat(40)}${'a'.repeat(32)}` }),
    'session.invalid',
    'BAD_SIGNATURE',
  ],
])('%s gets connect_error with a code, and whoami tells the operator why', async (_, credential, code, reason) => {
  const given = await credential()
  const { hellos, refusals } = await tab(given)
  expect(hellos).toEqual([])
  expect(refusals[0]?.data).toEqual({ code, message: expect.any(String), retry: false })
  const words = Object.entries(given).flatMap(([name, value]) => [`--${name}`, value])
  const answer = await heraldo(['whoami', '--config', gateway.configFile, ...words])
  expect(JSON.parse(answer.stdout)).toEqual({ ok: false, error: { code, reason } })
  expect(answer.code).toBe(1)
})

test('whoami recognises whom the gateway recognises', async () => {
  const answer = await heraldo([
    'whoami',
    '--config',
    gateway.configFile,
    '--cookie',
    await beakerCookie(redis.url, '42'),
  ])
  expect(JSON.parse(answer.stdout)).toMatchObject({
    ok: true,
    user: { id: '42' },
    via: 'beaker',
    expiresAt: expect.any(Number),
  })
  expect(answer.code).toBe(0)
})

test('the page hears the name that real Beaker keeps, and nothing else of the session', async () => {
  const cookie = await beakerCookie(redis.url, '42')
  const { hellos, heard } = await tab({ cookie })
  expect(hellos).toEqual([
    {
      user: { id: '42', info: { name: 'Ñandú' } },
      connection: expect.any(String),
      mode: 'fresh',
      position: expect.any(Object),
      counts: { unread: 0, unseen: 0, rev: expect.any(Number) },
    },
  ])
  expect(JSON.stringify(heard)).not.toMatch(/repoze|_accessed_time|_creation_time/)
  expect((await tab({ token: await token('42') })).hellos[0]?.user).toEqual({ id: '42' })
  const { stdout } = await heraldo(['whoami', '--config', gateway.configFile, '--cookie', cookie])
  expect(JSON.parse(stdout).user).toEqual({ id: '42', info: { name: 'Ñandú' } })
})

test('while Redis is away a browser is asked to come back, who is connected goes on, and the next connect succeeds', async () => {
  const here = await tab({ token: await token('42') })
  const cookie = await beakerCookie(redis.url, '42')
  const { port } = redis
  await redis.stop()
  const refused = await tab({ cookie })
  expect(refused.refusals[0]?.data).toMatchObject({ code: 'store.unavailable', retry: true })
  await until(
    'the gateway says that it is not ready',
    async () => (await fetch(`${gateway.url}/readyz`)).status === 503,
  )
  const sent = await fetch(`${gateway.url}/v1/notify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: '{"recipient":"42","notification":"still here","keep":false}',
  })
  expect(sent.status).toBe(202)
  await until('the connected tab hears it', () => here.bodies.includes('still here'))
  redis = await startRedis({ port })
  const again = await beakerCookie(redis.url, '42')
  await until('the gateway is ready again', async () => (await fetch(`${gateway.url}/readyz`)).status === 200)
  expect((await tab({ cookie: again })).hellos).toHaveLength(1)
})

test('a thousand browsers that leave while their session is looked up leave nothing behind', async () => {
  const cookie = await beakerCookie(redis.url, '77')
  await until('nobody is left of the tests before', async () => (await metric('heraldo_connections')) === 0)
  process.kill(redis.pid, 'SIGSTOP')
  try {
    for (let round = 0; round < 10; round++) {
      const leaving = Array.from(
        { length: 100 },
        () =>
          new WebSocket(`${gateway.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
            headers: { cookie },
          }),
      )
      await Promise.all(
        leaving.map(
          (socket) =>
            new Promise<void>((resolve) => {
              socket.onmessage = ({ data }) => {
                if (!String(data).startsWith('0')) return
                socket.send('40')
                socket.close()
              }
              socket.onclose = () => resolve()
            }),
        ),
      )
    }
  } finally {
    process.kill(redis.pid, 'SIGCONT')
  }
  await until('the gateway answers again', async () => (await fetch(`${gateway.url}/readyz`)).status === 200)
  const { hellos } = await tab({ cookie: await beakerCookie(redis.url, '78') })
  expect(hellos).toHaveLength(1)
  expect([await metric('heraldo_connections'), await metric('heraldo_users')]).toEqual([1, 1])
  for (const { socket } of browsers.splice(0)) socket.disconnect()
  await until(
    'the filters are gone after the linger',
    () => [...notifier.filters].every((filter) => filter.startsWith('!')),
    15_000,
  )
  expect(await metric('heraldo_followed_addresses')).toBe(0)
}, 60_000)
