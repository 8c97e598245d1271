import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Handshake } from '../../../src/core/session.ts'
import { httpCallback } from '../../../src/sessions/httpCallback.ts'
import { handshakeAt } from '../../fixtures/sessionFixtures.ts'
import { until } from '../../support/until.ts'

const NOW = 1_750_000_000
const COOKIE: Partial<Handshake> = { cookie: 'sid=abc; theme=dark' }
let server: Server
let url: string
let answer: RequestListener
const asked: IncomingMessage[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/whoami`
})
beforeEach(() => {
  asked.length = 0
  answer = json({ user: { id: '42' } })
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test('the application says who it is, and until when', async () => {
  expect(await resolve(COOKIE)).toEqual({ user: { id: '42' }, via: 'httpCallback', expiresAt: undefined })
  answer = json({ user: { id: 'ñandú 🚀', name: 'more' }, expiresAt: NOW * 1000 + 60_000, role: 'x' })
  expect(await resolve(COOKIE)).toEqual({
    user: { id: 'ñandú 🚀' },
    via: 'httpCallback',
    expiresAt: NOW * 1000 + 60_000,
  })
  answer = json({ user: { id: '42' }, expiresAt: null })
  expect((await resolve(COOKIE))?.expiresAt).toBeUndefined()
})

test('it is asked with the cookie and the authorization of the browser, word for word', async () => {
  await resolve({ cookie: 'a="x%20y"; b=\u00f1', authorization: 'Basic dXNlcg==' })
  expect(asked).toHaveLength(1)
  expect(asked[0]).toMatchObject({
    method: 'GET',
    url: '/whoami',
    headers: { cookie: 'a="x%20y"; b=\u00f1', authorization: 'Basic dXNlcg==', accept: 'application/json' },
  })
})

test('a token of Socket.IO comes as a bearer; an authorization header goes before it', async () => {
  await resolve({ token: 'abc.def' })
  await resolve({ token: 'abc.def', authorization: 'Bearer other' })
  expect(asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer abc.def', 'Bearer other'])
})

test('whoever brings nothing is left to the next resolver, and the application is not asked', async () => {
  for (const brought of [{}, { cookie: '', authorization: '', token: '' }]) expect(await resolve(brought)).toBeNull()
  expect(asked).toEqual([])
})

test.each<[string, Partial<Handshake>, string]>([
  ['a line break in a token', { token: 'x\r\nX-Admin: 1' }, 'MALFORMED'],
  ['a NUL in a token', { token: 'x\0' }, 'MALFORMED'],
  ['a token that is no bytes', { token: '\u0121' }, 'MALFORMED'],
  ['a token over 64 KB', { token: 'x'.repeat(65_537) }, 'LIMIT'],
  ['a cookie over 64 KB', { cookie: 'x'.repeat(65_537) }, 'LIMIT'],
])('%s is refused, and the application is not asked', async (_, brought, reason) => {
  await expect(resolve(brought)).rejects.toMatchObject({ code: 'session.invalid', reason })
  expect(asked).toEqual([])
})

test('401: nobody is signed in', async () => {
  answer = status(401)
  await expect(resolve(COOKIE)).rejects.toMatchObject({ code: 'session.missing', reason: 'NO_USER', retry: false })
})

test.each([500, 502, 503, 504, 429])('%s: the browser comes back later', async (code) => {
  answer = status(code)
  await expect(resolve(COOKIE)).rejects.toMatchObject({ code: 'store.unavailable', retry: true })
})

test.each([204, 400, 403, 404])('%s is no answer of the protocol', async (code) => {
  answer = status(code)
  await expect(resolve(COOKIE)).rejects.toMatchObject({ code: 'session.invalid', reason: 'UNSUPPORTED' })
})

test.each([301, 302, 303, 307, 308])('a redirect (%s) is refused and never followed', async (code) => {
  answer = (_, response) => response.writeHead(code, { location: url }).end()
  await expect(resolve(COOKIE)).rejects.toMatchObject({ code: 'session.invalid', reason: 'UNSUPPORTED' })
  expect(asked).toHaveLength(1)
})

test.each([
  ['a page', '<!doctype html><h1>Please sign in</h1>', 'session.invalid'],
  ['nothing', '', 'session.invalid'],
  ['JSON that is cut off', '{"user":{"id":"42"}', 'session.invalid'],
  ['a list', '[]', 'session.invalid'],
  ['not UTF-8', Buffer.from('7b22f1223a317d', 'hex'), 'session.invalid'],
  ['nested 20,000 deep', '['.repeat(20_000), 'session.invalid'],
  ['an end that is text', '{"user":{"id":"42"},"expiresAt":"2030-01-01"}', 'session.invalid'],
  ['an end that is infinite', '{"user":{"id":"42"},"expiresAt":1e999}', 'session.invalid'],
  ['no user', '{}', 'session.missing'],
  ['a user that is null', '{"user":null}', 'session.missing'],
  ['an empty id', '{"user":{"id":""}}', 'session.missing'],
  ['an id that is a list', '{"user":{"id":["42"]}}', 'session.missing'],
  ['an id of 201 bytes', JSON.stringify({ user: { id: 'x'.repeat(201) } }), 'session.missing'],
  ['a user only by way of JavaScript', '{"__proto__":{"user":{"id":"42"}}}', 'session.missing'],
])('200 with %s is refused', async (_, body, code) => {
  answer = (_, response) => response.end(body)
  await expect(resolve(COOKIE)).rejects.toMatchObject({ code, retry: false })
})

test('a number beyond 2^53 stays the number that it is', async () => {
  answer = (_, response) => response.end('{"user":{"id":9007199254740993}}')
  expect((await resolve(COOKIE))?.user.id).toBe('9007199254740993')
})

test.each([
  ['a megabyte at once', (chunk: Buffer) => chunk, {}],
  ['a megabyte that was packed small', (chunk: Buffer) => gzipSync(chunk), { 'content-encoding': 'gzip' }],
])('%s is refused', async (_, packed, headers) => {
  answer = (_, response) => response.writeHead(200, headers).end(packed(Buffer.alloc(1_048_576, ' ')))
  await expect(resolve(COOKIE)).rejects.toMatchObject({ code: 'session.invalid', reason: 'LIMIT' })
})

test('an answer without an end is cut while it comes, and its connection let go', async () => {
  let isGone = false
  answer = (_, response) => {
    response.on('close', () => {
      isGone = true
    })
    const more = () => {
      while (!isGone && response.write(Buffer.alloc(65_536, ' ')));
    }
    response.on('drain', more)
    more()
  }
  await expect(resolve(COOKIE, 30_000)).rejects.toMatchObject({ code: 'session.invalid', reason: 'LIMIT' })
  await until('the connection is let go', () => isGone)
})

test.each<[string, RequestListener]>([
  ['does not answer', () => {}],
  ['begins to answer and stops', (_, response) => void response.writeHead(200).write('{"user":')],
])('an application that %s is given up after its time', async (_, silence) => {
  answer = silence
  await expect(resolve(COOKIE, 50)).rejects.toMatchObject({ code: 'store.unavailable', retry: true })
})

test('an application that breaks off in the middle is asked again later', async () => {
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{"user":')
    response.destroy()
  }
  await expect(resolve(COOKIE)).rejects.toMatchObject({ code: 'store.unavailable', retry: true })
})

test('an application that is down is asked again later, and what went wrong is known without the credentials', async () => {
  const gone = createServer()
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
  const { port } = gone.address() as AddressInfo
  await new Promise((resolve) => gone.close(resolve))
  const resolving = httpCallback({ url: `http://127.0.0.1:${port}/`, timeoutMs: 5_000 }).resolve(
    handshakeAt(NOW, { cookie: 'sid=geheim' }),
  )
  const error = await resolving.catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'store.unavailable', retry: true })
  const { cause } = error as Error
  expect(cause).toContain('ECONNREFUSED')
  expect(cause).not.toContain('geheim')
})

test.each(['ftp://example.org/', 'file:///etc/passwd', 'http://user:secret@example.org/', 'whoami'])(
  'the url %s is refused when the gateway starts',
  (wrong) => {
    expect(() => httpCallback({ url: wrong, timeoutMs: 1000 })).toThrow()
  },
)

function resolve(brought: Partial<Handshake>, timeoutMs = 10_000) {
  return httpCallback({ url, timeoutMs }).resolve(handshakeAt(NOW, brought))
}

function json(value: unknown): RequestListener {
  return (_, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
}

function status(code: number): RequestListener {
  return (_, response) => response.writeHead(code).end()
}
