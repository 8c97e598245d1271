import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { Router } from 'express'
import { Events } from '../../../src/core/events.ts'
import { internalApp } from '../../../src/http/app.ts'
import { json, KEY, type RunningApp, runApp } from './runningApp.ts'

const error = (code: string) => ({ error: { code, message: expect.any(String), retry: expect.any(Boolean) } })

let app: RunningApp
beforeAll(async () => {
  app = await runApp()
})
afterAll(() => app.stop())

/** A path exactly as it is, which fetch would tidy up. */
async function rawGet(path: string): Promise<{ status: number | undefined; body: string }> {
  const { port } = new URL(app.url)
  return new Promise((resolve, reject) => {
    httpRequest({ port, host: '127.0.0.1', path, agent: false }, async (response) => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve({ status: response.statusCode, body })
    })
      .on('error', reject)
      .end()
  })
}

describe('who may use the API', () => {
  test.each([
    ['no key', undefined],
    ['another key', 'Bearer the-key-of-somebody'],
    ['a part of the key', `Bearer ${KEY.slice(0, -1)}`],
    ['more than the key', `Bearer ${KEY}x`],
    ['an empty key', 'Bearer '],
    ['another scheme', `Basic ${KEY}`],
    ['the bare key', KEY],
  ])('%s is refused everywhere under /v1', async (_what, authorization) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
    for (const path of ['/v1/notify', '/v1/tail', '/v1/notifiers', '/v1/there-is-no-such-thing', '/v1']) {
      const response = await fetch(app.url + path, { headers })
      expect([path, response.status]).toEqual([path, 401])
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
      expect(await json(response)).toMatchObject(error('api.unauthorized'))
    }
  })

  test('without a configured key nobody may', async () => {
    const closed = await runApp({ keys: [] })
    expect((await closed.get('/v1/notifiers')).status).toBe(401)
    expect((await closed.notify({ recipient: '42', notification: 1, keep: false })).status).toBe(401)
    await closed.stop()
  })

  test('each of several keys opens, and a key need not be ASCII', async () => {
    const several = await runApp({ keys: ['first', 'zweiter-schlüssel'] })
    const sources: string[] = []
    several.events.on('notification.delivered', ({ source }) => void sources.push(source))
    for (const key of ['first', 'zweiter-schlüssel']) {
      const authorization = `bearer ${Buffer.from(key).toString('latin1')}`
      const response = await several.notify({ recipient: '42', notification: 1, keep: false }, { authorization })
      expect(response.status).toBe(202)
    }
    expect(sources).toEqual(['key-1', 'key-2'])
    await several.stop()
  })

  test('who is refused is announced with its address, which a trusted proxy may name', async () => {
    const proxied = await runApp({ trustProxy: true })
    const refused: object[] = []
    proxied.events.on('notification.refused', (facts) => void refused.push(facts))
    const headers = { authorization: 'Bearer wrong', 'x-forwarded-for': '203.0.113.1, 198.51.100.7' }
    await proxied.notify({ recipient: '42', notification: 1 }, headers)
    expect(refused).toEqual([{ input: 'http', source: '198.51.100.7', code: 'api.unauthorized' }])
    await proxied.stop()
  })

  test('a refused sender is not believed about its address when there is no proxy', async () => {
    const refused: object[] = []
    const off = app.events.on('notification.refused', ({ source }) => void refused.push({ source }))
    await app.notify({}, { authorization: 'Bearer wrong', 'x-forwarded-for': '198.51.100.7' })
    off()
    expect(refused).toEqual([{ source: '127.0.0.1' }])
  })
})

describe('health', () => {
  test('/healthz says that the process lives', async () => {
    const response = await fetch(`${app.url}/healthz`)
    expect([response.status, await json(response)]).toEqual([200, { ok: true }])
  })

  test('/readyz is 200 while it serves and 503 with the reasons while it does not', async () => {
    expect(await json(await fetch(`${app.url}/readyz`))).toEqual({ ready: true })
    app.unready.push('draining', 'store')
    const response = await fetch(`${app.url}/readyz`)
    app.unready.length = 0
    expect(response.status).toBe(503)
    expect(await json(response)).toEqual({
      ready: false,
      reasons: ['draining', 'store'],
      error: { code: 'api.unready', message: expect.any(String), retry: true },
    })
  })

  test('/metrics is the text that Prometheus reads', async () => {
    const response = await fetch(`${app.url}/metrics`)
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    expect(await response.text()).toContain('heraldo_users 0')
  })

  test('the registered notifiers are listed', async () => {
    expect(await json(await app.get('/v1/notifiers'))).toEqual({
      notifiers: [{ address: 'tcp://127.0.0.1:20105', up: true }],
    })
  })

  test('with an internal port the public one shows no metrics', async () => {
    const hidden = await runApp({ hideMetrics: true })
    expect((await fetch(`${hidden.url}/metrics`)).status).toBe(404)
    await hidden.stop()
  })

  test('the internal port shows metrics and health, and nothing else', async () => {
    const metrics = async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'heraldo_users 1\n' })
    const server = createServer(internalApp({ events: new Events(), unready: () => [], metrics }))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('heraldo_users 1\n')
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect((await fetch(`${url}/v1/notifiers`)).status).toBe(404)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
})

describe('what is not there', () => {
  test.each([
    ['/nothing', 404, 'api.notFound'],
    ['/v1/nothing', 404, 'api.notFound'],
    ['/__proto__', 404, 'api.notFound'],
  ])('%s is %d', async (path, status, code) => {
    const response = await app.get(path)
    expect(response.status).toBe(status)
    expect(await json(response)).toEqual(error(code))
  })

  test.each([
    ['DELETE', '/healthz'],
    ['POST', '/readyz'],
    ['POST', '/metrics'],
    ['POST', '/v1/tail'],
    ['PUT', '/v1/notifiers'],
  ])('%s %s is 405 and names what is allowed', async (method, path) => {
    const response = await fetch(app.url + path, { method, headers: { authorization: `Bearer ${KEY}` } })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET'])
    expect(await json(response)).toEqual(error('api.method'))
  })

  test('HEAD opens no tail', async () => {
    const response = await fetch(`${app.url}/v1/tail`, { method: 'HEAD', headers: { authorization: `Bearer ${KEY}` } })
    expect(response.status).toBe(405)
  })

  test.each([['/%'], ['/%zz'], ['/v1/notify%ff'], ['/healthz?a=%E0%A4'], ['/v1/tail?recipient=%C3']])(
    'the address %s, badly encoded, is a coded error',
    async (path) => {
      const { status, body } = await rawGet(path)
      expect(status).toBe(400)
      expect(JSON.parse(body)).toEqual(error('api.query'))
    },
  )
})

test.each([['http://['], ['http://[::1'], ['/%00%ff']])(
  'the address %s, which is none, is a coded error',
  async (path) => {
    const { status, body } = await rawGet(path)
    expect(status).toBe(400)
    expect(JSON.parse(body)).toEqual(error('api.query'))
  },
)

test('whom the app does not admit hears so everywhere, whatever key it brings', async () => {
  const pages = Router().get('/', (_request, response) => void response.send('the demo'))
  const guarded = await runApp({ pages, admits: ({ headers }) => headers['x-guest'] === 'yes' })
  for (const path of ['/', '/healthz', '/metrics', '/v1/notifiers', '/nothing']) {
    const refused = await guarded.get(path)
    expect([path, refused.status, await json(refused)]).toEqual([path, 403, error('origin.forbidden')])
    expect(refused.headers.get('content-security-policy')).toContain("default-src 'self'")
  }
  expect((await guarded.get('/v1/notifiers', { 'x-guest': 'yes' })).status).toBe(200)
  await guarded.stop()
})

describe('what every answer carries', () => {
  test.each([['/healthz'], ['/nothing'], ['/v1/notifiers']])('%s has the security headers', async (path) => {
    const { headers } = await fetch(app.url + path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(headers.get('x-powered-by')).toBeNull()
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  test('pages stand behind the API, and what breaks in them says nothing about our insides', async () => {
    const pages = Router()
    pages.get('/', (_request, response) => void response.send('<h1>the demo</h1>'))
    pages.get('/broken', () => {
      throw new Error('the password of the database')
    })
    pages.use('/files', express.static('.'))
    const withPages = await runApp({ pages })
    const failures: unknown[] = []
    withPages.events.on('gateway.failed', ({ error }) => void failures.push(String(error)))
    expect(await (await withPages.get('/')).text()).toBe('<h1>the demo</h1>')
    const broken = await withPages.get('/broken')
    expect(broken.status).toBe(500)
    expect(await broken.text()).not.toMatch(/password|at .*\.ts/)
    expect(failures).toEqual(['Error: the password of the database'])
    const damaged = await withPages.get('/files/%00')
    expect(damaged.status).toBe(404)
    expect(await json(damaged)).toEqual(error('api.notFound'))
    await withPages.stop()
  })

  test('metrics that fail are a coded error, announced with its cause', async () => {
    const broken = await runApp({ brokenMetrics: true })
    const failures: unknown[] = []
    broken.events.on('gateway.failed', ({ error }) => void failures.push(String(error)))
    const response = await fetch(`${broken.url}/metrics`)
    expect(response.status).toBe(500)
    expect(await json(response)).toEqual(error('internal'))
    expect(failures).toEqual(['Error: the secret of the metrics'])
    await broken.stop()
  })
})
