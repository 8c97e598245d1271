import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, heraldo, testConfig } from '../../support/gatewayProcess.ts'

const dir = mkdtempSync(join(tmpdir(), 'heraldo-whoami-'))
const config = ['--config', join(dir, 'gateway.json')]

function beakerCookie(secret: string): string {
  const id = 'a'.repeat(32)
  return createHmac('sha1', secret).update(id).digest('hex') + id
}

beforeAll(async () => {
  await build()
  writeFileSync(join(dir, 'gateway.json'), JSON.stringify(await testConfig()))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('a token that "heraldo token" printed is recognised, until it is over', async () => {
  const { stdout: token } = await heraldo(['token', 'Ada Lovelace', '--ttl', '60', ...config])
  const now = Math.floor(Date.now() / 1000)
  const good = await heraldo(['whoami', '--token', token.trim(), ...config])
  expect(JSON.parse(good.stdout)).toEqual({
    ok: true,
    user: { id: 'Ada Lovelace' },
    via: 'jwt',
    expiresAt: expect.any(Number),
  })
  expect(JSON.parse(good.stdout).expiresAt).toBeGreaterThan(now * 1000)
  expect(good).toMatchObject({ code: 0, stderr: '' })
  const over = await heraldo(['whoami', '--token', token.trim(), '--at', `${now + 3600}`, ...config])
  expect(over).toEqual({
    code: 1,
    stdout: '{"ok":false,"error":{"code":"session.expired","reason":"EXPIRED"}}\n',
    stderr: '',
  })
})

test('a forged token, and none at all, are refused with the reason', async () => {
  const { stdout: foreign } = await heraldo(['token', '42'])
  expect((await heraldo(['whoami', '--token', foreign.trim(), ...config])).stdout).toBe(
    '{"ok":false,"error":{"code":"session.invalid","reason":"BAD_SIGNATURE"}}\n',
  )
  expect(await heraldo(['whoami', ...config])).toMatchObject({
    code: 1,
    stdout: '{"ok":false,"error":{"code":"session.missing","reason":"NO_COOKIE"}}\n',
  })
})

test('the token follows the resolver: its own way to the id, its issuer and audience', async () => {
  const file = join(dir, 'claims.json')
  const jwt = {
    use: 'jwt',
    secretBase64: Buffer.alloc(64, 7).toString('base64'),
    algorithms: ['HS512'],
    user: ['account', 'id'],
    issuer: ['one', 'two'],
    audience: 'heraldo',
  }
  writeFileSync(file, JSON.stringify({ sessions: [jwt] }))
  const { stdout: token } = await heraldo(['token', '42', '--config', file])
  expect(JSON.parse((await heraldo(['whoami', '--token', token.trim(), '--config', file])).stdout)).toMatchObject({
    ok: true,
    user: { id: '42' },
  })
})

test.each([
  ['answers nothing', (socket: Socket) => void socket.resume()],
  ['hangs up', (socket: Socket) => void socket.destroy()],
])('a Redis that %s is an answer too, soon, and no secret is in it', async (_what, behave) => {
  const server = createServer((socket) => behave(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? `${address?.port}` : ''
  const file = join(dir, 'redis.json')
  const redis = { url: `redis://:the-password@127.0.0.1:${port}/0` }
  writeFileSync(file, JSON.stringify({ redis, sessions: [{ use: 'beaker', secret: 'the-secret', user: ['id'] }] }))
  const cookie = `beaker.session.id=${beakerCookie('the-secret')}`
  const startedAt = performance.now()
  const answer = await heraldo(['whoami', '--cookie', cookie, '--config', file])
  expect(answer).toEqual({ code: 1, stdout: '{"ok":false,"error":{"code":"store.unavailable"}}\n', stderr: '' })
  // Two seconds of patience, and the program's own start.
  expect(performance.now() - startedAt).toBeLessThan(15_000)
  await new Promise((resolve) => server.close(resolve))
})

test.each([
  ['a configuration without a jwt secret', []],
  ['a configuration with the address of public keys', [{ use: 'jwt', jwksUrl: 'https://login.example.org/keys' }]],
])('%s has nothing to sign tokens with', async (_, sessions) => {
  const file = join(dir, 'none.json')
  writeFileSync(file, JSON.stringify({ sessions }))
  expect(await heraldo(['token', '42', '--config', file])).toMatchObject({
    code: 2,
    stderr: 'heraldo: sessions: got no "jwt" with a secret, expected one to sign for\n',
  })
})
