import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jest } from '@jest/globals'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { GatewayError } from '../../../src/core/errors.ts'
import { jwt } from '../../../src/sessions/jwt.ts'
import { handshakeAt } from '../../fixtures/sessionFixtures.ts'

const NOW = 1_750_000_000
const PATH = '/keys?tenant=confidential'
let server: Server
let url: URL
let answer: RequestListener
let fetched = 0
let first: Issuer
let second: Issuer

beforeAll(async () => {
  server = createServer((request, response) => {
    fetched += 1
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = new URL(PATH, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  first = await issuer('first')
  second = await issuer('second')
})
beforeEach(() => {
  fetched = 0
  answer = keys(first.publicKey)
})
afterEach(() => {
  jest.useRealTimers()
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test('the keys are fetched once, for the first token, however many come together', async () => {
  const resolve = resolver()
  expect(fetched).toBe(0)
  const token = await first.token()
  for (const session of await Promise.all([resolve(token), resolve(token), resolve(token)]))
    expect(session).toEqual({ user: { id: '42' }, via: 'jwt', expiresAt: (NOW + 60) * 1000 })
  await resolve(token)
  expect(fetched).toBe(1)
})

test('keys that rotate are fetched again, but not more than every 30 seconds', async () => {
  const clock = dateAt(NOW)
  const resolve = resolver()
  await resolve(await first.token())
  answer = keys(second.publicKey)
  const rotated = await second.token()
  clock(29)
  await expect(resolve(rotated)).rejects.toMatchObject({ code: 'session.invalid', reason: 'BAD_SIGNATURE' })
  expect(fetched).toBe(1)
  clock(31)
  expect(await resolve(rotated)).toMatchObject({ user: { id: '42' } })
  expect(fetched).toBe(2)
})

test('a key that is withdrawn is not believed for more than 10 minutes', async () => {
  const clock = dateAt(NOW)
  const resolve = resolver()
  const token = await first.token()
  await resolve(token)
  answer = keys(second.publicKey)
  clock(599)
  expect(await resolve(token)).not.toBeNull()
  clock(601)
  await expect(resolve(token)).rejects.toMatchObject({ code: 'session.invalid', reason: 'BAD_SIGNATURE' })
})

test.each<[string, RequestListener]>([
  ['fails', (_, response) => response.writeHead(500).end('a stack')],
  ['is not found', (_, response) => response.writeHead(404).end()],
  ['redirects', (_, response) => response.writeHead(302, { location: PATH }).end()],
  ['hangs up', (request) => request.socket.destroy()],
  [
    'hangs up in the middle',
    (request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"keys":', () => request.socket.destroy())
    },
  ],
])('an issuer that %s is away: come back; and it is asked anew', async (_, away) => {
  answer = away
  const resolve = resolver()
  const token = await first.token()
  const error = await refusalOf(resolve(token))
  expect(error).toMatchObject({ code: 'store.unavailable', retry: true })
  expect(fetched).toBe(1)
  answer = keys(first.publicKey)
  expect(await resolve(token)).toMatchObject({ user: { id: '42' } })
})

test('an issuer that answers nothing at all is waited for 5 seconds', async () => {
  answer = () => {}
  const began = performance.now()
  expect(await refusalOf(resolver()(await first.token()))).toMatchObject({ code: 'store.unavailable', retry: true })
  expect(performance.now() - began).toBeGreaterThan(4_900)
  expect(performance.now() - began).toBeLessThan(20_000)
}, 15_000)

test.each<[string, (key: JWK) => unknown, string]>([
  ['no JSON', () => '<html>', 'UNSUPPORTED'],
  ['no key set', () => ['keys'], 'UNSUPPORTED'],
  ['keys that are none', () => ({ keys: [7] }), 'UNSUPPORTED'],
  ['a key without its parts', ({ kty, kid }) => ({ keys: [{ kty, kid, alg: 'RS256' }] }), 'UNSUPPORTED'],
  ['a key of garbage', (key) => ({ keys: [{ ...key, n: '!', e: '' }] }), 'UNSUPPORTED'],
  ['a key that is too small', (key) => ({ keys: [{ ...key, n: key.n?.slice(0, 171) }] }), 'UNSUPPORTED'],
  ['no keys', () => ({ keys: [] }), 'BAD_SIGNATURE'],
  ['another key of that name', () => ({ keys: [{ ...second.publicKey, kid: 'first' }] }), 'BAD_SIGNATURE'],
  ['a secret', () => ({ keys: [{ kty: 'oct', kid: 'first', k: 'c2VjcmV0' }] }), 'BAD_SIGNATURE'],
  ['more than 64 KiB', (key) => ({ keys: [key], x: 'x'.repeat(65_536) }), 'LIMIT'],
])('an issuer that has %s: the token is refused, and the operator hears why', async (_, spoilt, reason) => {
  answer = send(spoilt(first.publicKey))
  const error = await refusalOf(resolver()(await first.token()))
  expect(error).toMatchObject({ code: 'session.invalid', reason, retry: false })
})

test('a token signed with the public key as if it were a secret is forged', async () => {
  const secret = Buffer.from(JSON.stringify(first.publicKey))
  const forged = await new SignJWT({ sub: '42', exp: NOW + 60 })
    .setProtectedHeader({ alg: 'HS256', kid: 'first' })
    .sign(secret)
  await expect(resolver()(forged)).rejects.toMatchObject({ code: 'session.invalid', reason: 'BAD_SIGNATURE' })
  expect(fetched).toBe(0)
})

test.each<[string, string, readonly string[] | undefined, RegExp]>([
  ['an address that is no http', 'file:///etc/keys', undefined, /none of http or https/],
  ['an address with a password', 'https://user:confidential@127.0.0.1/', undefined, /must not carry/],
  ['an algorithm for secrets', 'https://127.0.0.1/', ['RS256', 'HS256'], /HS256 does not fit/],
])('%s is refused when the gateway starts, without naming it', (_, address, algorithms, sentence) => {
  const start = () => jwt({ key: new URL(address), algorithms })
  expect(start).toThrow(sentence)
  expect(start).not.toThrow(/confidential/)
})

interface Issuer {
  readonly publicKey: JWK
  token(): Promise<string>
}

async function issuer(kid: string): Promise<Issuer> {
  const pair: { publicKey: CryptoKey; privateKey: CryptoKey } = await generateKeyPair('RS256')
  return {
    publicKey: { ...(await exportJWK(pair.publicKey)), kid },
    token: () =>
      new SignJWT({ sub: '42', exp: NOW + 60 }).setProtectedHeader({ alg: 'RS256', kid }).sign(pair.privateKey),
  }
}

function resolver() {
  const { resolve } = jwt({ key: url })
  return (token: string) => resolve(handshakeAt(NOW, { token }))
}

/** What is refused, having looked that neither a client nor the operator is shown what an address may hide. */
async function refusalOf(session: Promise<unknown>): Promise<GatewayError> {
  const error = await session.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(error instanceof GatewayError)) throw new Error(`no refusal: ${String(error)}`)
  expect(Object.keys(error.toPublic())).toEqual(['code', 'message', 'retry'])
  expect(typeof error.cause).toBe('string')
  expect(`${JSON.stringify(error.toPublic())} ${String(error.cause)}`).not.toMatch(/confidential|stack|\n/)
  return error
}

/** The library asks the system's clock how old its keys are; only that clock is ours, nothing waits. */
function dateAt(seconds: number): (later: number) => void {
  jest.useFakeTimers({
    now: seconds * 1000,
    doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'clearImmediate', 'setTimeout', 'clearTimeout'].concat([
      'setInterval',
      'clearInterval',
      'performance',
      'hrtime',
    ]) as never,
  })
  return (later) => jest.setSystemTime((seconds + later) * 1000)
}

function keys(...keys: readonly JWK[]): RequestListener {
  return send({ keys })
}

function send(body: unknown): RequestListener {
  return (_, response) => response.end(typeof body === 'string' ? body : JSON.stringify(body))
}
