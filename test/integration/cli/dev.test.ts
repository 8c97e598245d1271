import { request } from 'node:http'
import {
  build,
  heraldo,
  PROGRAM,
  type Process,
  readyUrl,
  startProcess,
  testConfig,
} from '../../support/gatewayProcess.ts'
import { freePort } from '../../support/redisServer.ts'

const DEV_KEY = 'heraldo-dev-key'
let gateway: Process
let url: URL
beforeAll(async () => {
  await build()
  const { registry } = (await testConfig()).zeromq
  const env = {
    HERALDO_HTTP_PORT: `${await freePort()}`,
    HERALDO_ZEROMQ_INGEST: 'null',
    HERALDO_ZEROMQ_REGISTRY_REP: registry.rep,
    HERALDO_ZEROMQ_REGISTRY_PUB: registry.pub,
    HERALDO_ZEROMQ_NOTIFIERS: '[]',
  }
  gateway = startProcess([PROGRAM, 'dev'], { env })
  url = new URL(await readyUrl(gateway))
})
afterAll(() => gateway.stop())

/** fetch chooses Host itself. */
function get(path: string, headers: Record<string, string>): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: url.port, path, agent: false }
    request({ ...options, headers: { authorization: `Bearer ${DEV_KEY}`, ...headers } }, async (response) => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve({ status: response.statusCode, body })
    })
      .on('error', reject)
      .end()
  })
}

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
}

describe('the demo, whose key and tokens everybody knows, is for this machine alone', () => {
  test.each<[string, Record<string, string>]>([
    ['a foreign name that points here', { host: 'evil.example' }],
    ['a name that only begins like ours', { host: 'localhost.evil.example:5886' }],
    ['a proxy on this machine', { 'x-forwarded-for': '203.0.113.9' }],
    ['a proxy that says so in the new way', { forwarded: 'for=203.0.113.9' }],
  ])('%s gets nothing', async (_what, headers) => {
    for (const path of ['/', '/dev/token?user=42', '/dev/facts', '/v1/notifiers', '/v1/tail', '/metrics', '/healthz'])
      expect([path, await get(path, headers)]).toMatchObject([path, { status: 403 }])
    const { status, body } = await get('/socket.io/?EIO=4&transport=polling', headers)
    expect([status, JSON.parse(body)]).toMatchObject([403, { error: { code: 'origin.forbidden' } }])
    const upgrade = await get('/socket.io/?EIO=4&transport=websocket', { ...headers, ...UPGRADE })
    expect(upgrade.status).toBe(403)
  })

  test.each(['127.0.0.1', 'localhost', '[::1]'])('%s is this machine', async (name) => {
    const headers = { host: `${name}:${url.port}` }
    for (const path of ['/', '/dev/token?user=42', '/v1/notifiers', '/socket.io/?EIO=4&transport=polling'])
      expect([path, await get(path, headers)]).toMatchObject([path, { status: 200 }])
  })

  test('and the commands find it with the key that they know', async () => {
    const sent = await heraldo(['notify', '--live', '42', '1'], { HERALDO_URL: url.origin })
    expect(sent).toMatchObject({ code: 0, stdout: expect.stringContaining('"ok":true') })
  })
})
