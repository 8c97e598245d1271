import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jsonSchema, reference, variables } from '../../../src/config/describe.ts'
import { ConfigError, DEV_CONFIG, loadConfig } from '../../../src/config/load.ts'

const SECRET = 'a secret that is long enough for HS256'
const folder = mkdtempSync(join(tmpdir(), 'heraldo-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(content: unknown): string {
  const path = join(folder, 'heraldo.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

function complaint(content: unknown, env: Record<string, string> = {}): string {
  try {
    loadConfig({ file: content === undefined ? undefined : file(content), env })
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('it was accepted')
}

describe('a configuration', () => {
  test('without a file and variables is what config/default.json says', () => {
    expect(loadConfig({ env: {} })).toEqual(JSON.parse(readFileSync('config/default.json', 'utf8')))
  })

  test('of the development gateway is valid', () => {
    expect(loadConfig({ file: DEV_CONFIG, env: {} }).sessions).toMatchObject([{ use: 'jwt' }])
  })

  test('is merged: the file goes over the defaults, variables over the file, lists are replaced', () => {
    const config = loadConfig({
      file: file({ http: { port: 1000, keys: ['a', 'b'] }, limits: { perUser: 3 } }),
      env: {
        HERALDO_HTTP_PORT: '2000',
        HERALDO_HTTP_KEYS: '["c"]',
        HERALDO_REDIS_URL: 'redis://127.0.0.1:1',
        HERALDO_LOG_LEVEL: 'debug',
        PATH: '/bin',
      },
    })
    expect(config).toMatchObject({
      http: { host: '127.0.0.1', port: 2000, keys: ['c'] },
      limits: { perUser: 3, perAddress: 0 },
      redis: { url: 'redis://127.0.0.1:1', prefix: 'heraldo:' },
      log: { level: 'debug' },
    })
  })

  test('takes secrets from the environment and from files', () => {
    writeFileSync(join(folder, 'secret'), `${SECRET}\n`)
    const sessions = [
      { use: 'jwt', secret: { env: 'MY_SECRET' } },
      { use: 'jwt', secret: { file: join(folder, 'secret') } },
    ]
    expect(loadConfig({ file: file({ sessions }), env: { MY_SECRET: SECRET } }).sessions).toMatchObject([
      { secret: SECRET },
      { secret: SECRET },
    ])
  })

  test('has a variable for each key, and each variable sets its key', () => {
    expect([...variables().keys()]).toEqual(
      expect.arrayContaining(['HERALDO_HTTP_PORT', 'HERALDO_ZEROMQ_REGISTRY_REP', 'HERALDO_LIMITS_PER_USER']),
    )
    expect(loadConfig({ env: { HERALDO_ZEROMQ_INGEST: 'null', HERALDO_HTTP_TRUST_PROXY: 'true' } })).toMatchObject({
      zeromq: { ingest: null },
      http: { trustProxy: true },
    })
  })
})

test.each<[string, unknown, Record<string, string>, string]>([
  ['an unknown key', { http: { prot: 1 } }, {}, 'http: unknown key "prot"'],
  ['an unknown group', { htpp: {} }, {}, 'unknown key "htpp"'],
  ['a port that is a text', { http: { port: '80' } }, {}, 'http.port: got a string, expected number'],
  ['a port beyond 65535', { http: { port: 65536 } }, {}, 'http.port: got a number'],
  [
    'a port that is a word, in a variable',
    undefined,
    { HERALDO_HTTP_PORT: 'http' },
    'HERALDO_HTTP_PORT: http.port: got a string, expected number',
  ],
  ['a variable for no key', undefined, { HERALDO_HTTP_PROT: '1' }, 'HERALDO_HTTP_PROT: no such configuration key'],
  ['a list that is no JSON', undefined, { HERALDO_HTTP_KEYS: '[a]' }, 'HERALDO_HTTP_KEYS: the value is not valid JSON'],
  [
    'a resolver that does not exist',
    { sessions: [{ use: 'magic' }] },
    {},
    "sessions[0].use: got a string, expected 'beaker' |",
  ],
  [
    'a short secret',
    { sessions: [{ use: 'jwt', secret: 'short' }] },
    {},
    'sessions[0].secret: got a string, expected a secret of 32 bytes or more',
  ],
  [
    'a secret that is not there',
    { sessions: [{ use: 'jwt', secret: { env: 'NOWHERE' } }] },
    {},
    'the environment variable NOWHERE',
  ],
  [
    'two secrets',
    { sessions: [{ use: 'jwt', secret: SECRET, secretBase64: 'YQ==' }] },
    {},
    'one of secret, secretBase64, jwks and jwksUrl',
  ],
  [
    'a secret beside an address of keys',
    { sessions: [{ use: 'jwt', secret: SECRET, jwksUrl: 'https://login.example.org/keys' }] },
    {},
    'one of secret, secretBase64, jwks and jwksUrl',
  ],
  [
    'keys beside an address of keys',
    { sessions: [{ use: 'jwt', jwks: { keys: [{ kty: 'EC' }] }, jwksUrl: 'https://login.example.org/keys' }] },
    {},
    'one of secret, secretBase64, jwks and jwksUrl',
  ],
  [
    'an algorithm for secrets with an address of keys',
    { sessions: [{ use: 'jwt', jwksUrl: 'https://login.example.org/keys', algorithms: ['RS256', 'HS256'] }] },
    {},
    'sessions[0].algorithms: got a list, expected algorithms with public keys',
  ],
  ...['file:///etc/keys', 'keys.json', `https://user:${SECRET}@example.org/`].map(
    (jwksUrl): [string, unknown, Record<string, string>, string] => [
      `keys at ${jwksUrl}`,
      { sessions: [{ use: 'jwt', jwksUrl }] },
      {},
      'sessions[0].jwksUrl: got a string, expected an http or https address',
    ],
  ),
  [
    'an algorithm that does not fit the key',
    { sessions: [{ use: 'jwt', secret: SECRET, algorithms: ['RS256'] }] },
    {},
    'sessions[0].algorithms: got a list, expected HS',
  ],
  [
    'Beaker without Redis',
    { sessions: [{ use: 'beaker', secret: 's', user: ['id'] }] },
    {},
    'sessions[0].use: got a string, expected a redis: Beaker',
  ],
  [
    'express-session without Redis, after others',
    {
      sessions: [
        { use: 'authTkt', secret: 's' },
        { use: 'expressSession', secret: 's', user: ['id'] },
      ],
    },
    {},
    'sessions[1].use: got a string, expected a redis: express-session',
  ],
  [
    'an own Redis with a prefix, where nothing is written',
    { sessions: [{ use: 'beaker', secret: 's', user: ['id'], redis: { url: 'redis://x', prefix: 'a' } }] },
    {},
    'sessions[0].redis: unknown key "prefix"',
  ],
  [
    'an own Redis at an address that is none',
    { sessions: [{ use: 'expressSession', secret: 's', user: ['id'], redis: { url: `http://${SECRET}` } }] },
    {},
    'sessions[0].redis.url: got a string, expected an address such as redis://',
  ],
  [
    'a digest that tickets do not have',
    { sessions: [{ use: 'authTkt', secret: 's', digest: 'sha1' }] },
    {},
    'sessions[0].digest',
  ],
  ['tickets without a secret', { sessions: [{ use: 'authTkt', secret: [] }] }, {}, 'sessions[0].secret'],
  ...['ftp://example.org/', 'whoami', 'http://user:s@example.org/'].map(
    (url): [string, unknown, Record<string, string>, string] => [
      `a callback to ${url}`,
      { sessions: [{ use: 'httpCallback', url }] },
      {},
      'sessions[0].url: got a string, expected an http or https address',
    ],
  ),
  [
    'a Beaker key without {id}',
    { redis: { url: 'redis://x' }, sessions: [{ use: 'beaker', secret: 's', user: ['id'], key: 'x' }] },
    {},
    'sessions[0].key',
  ],
  [
    'an origin with a path',
    { http: { origins: ['https://example.org/'] } },
    {},
    'http.origins[0]: got a string, expected an origin such as',
  ],
  [
    'an origin in another writing than browsers send',
    { http: { origins: ['https://Example.org:443'] } },
    {},
    'http.origins[0]: got a string, expected what browsers send: https://example.org',
  ],
  [
    'an origin that is no address',
    { http: { origins: ['https://ex[ample'] } },
    {},
    'got a string, expected an origin such as',
  ],
  [
    'an internal port beyond 65535',
    { http: { internal: '127.0.0.1:99999' } },
    {},
    'http.internal: got a string, expected host:',
  ],
  [
    'an internal address without brackets',
    { http: { internal: '::1:80' } },
    {},
    'http.internal: got a string, expected host:',
  ],
  ...[
    ['that is none', `redis://[${SECRET}`],
    ['of another kind', `http://:${SECRET}@127.0.0.1`],
    ['without a scheme', `:${SECRET}@127.0.0.1:6379`],
    ['at a port that cannot be', `redis://:${SECRET}@127.0.0.1:99999`],
    ['with a password that is not percent-encoded', `redis://:${SECRET}%@127.0.0.1`],
    ['with a database that is no number', `redis://:${SECRET}@127.0.0.1/sessions`],
  ].map(([what, url]): [string, unknown, Record<string, string>, string] => [
    `a Redis address ${what}`,
    { redis: { url } },
    {},
    'redis.url: got a string, expected an address such as redis://127.0.0.1:6379/0',
  ]),
  [
    'a registry that others could reach',
    { zeromq: { registry: { rep: 'tcp://0.0.0.0:20103' } } },
    {},
    'zeromq.registry.rep: got a string, expected a loopback address',
  ],
  [
    'an event that is the protocol’s own',
    { notifications: { event: 'hello' } },
    {},
    'notifications.event: got a string',
  ],
  [
    'a notifier at a port that cannot be',
    { zeromq: { notifiers: ['tcp://127.0.0.1:70000'] } },
    {},
    'zeromq.notifiers[0]: got a string, expected an endpoint',
  ],
  [
    'a notifier that is no endpoint',
    { zeromq: { notifiers: ['nonsense'] } },
    {},
    'zeromq.notifiers[0]: got a string, expected an endpoint',
  ],
  [
    'a notifier at every interface',
    { zeromq: { notifiers: ['tcp://*:5000'] } },
    {},
    'zeromq.notifiers[0]: got a string, expected an address that can be connected to',
  ],
  [
    'an ingest that others could reach',
    { zeromq: { ingest: 'tcp://0.0.0.0:20100' } },
    {},
    'zeromq.ingest: got a string, expected a loopback address',
  ],
  ['a file that is no JSON', '{ "http": { "port": 1, } }', {}, 'is not valid JSON (a comma too many in line 1?)'],
  ['a file that is a list', '[]', {}, 'expected a JSON object'],
  ['a prototype', '{ "__proto__": { "http": 1 } }', {}, 'unknown key "__proto__"'],
])('%s is one line that names the key', (_, content, env, expected) => {
  const message = complaint(content, env)
  expect(message).toContain(expected)
  expect(message).not.toContain('\n')
  expect(message).not.toContain(SECRET)
})

test.each(['redis://127.0.0.1:6379/2', 'rediss://user:pa%20ss@[::1]', 'unix:///run/redis.sock'])(
  'the Redis address %s is taken',
  (url) => {
    expect(loadConfig({ env: { HERALDO_REDIS_URL: url } }).redis?.url).toBe(url)
  },
)

test('sessions in a Redis of their own need none at the top, and its address may be a secret elsewhere', () => {
  const sessions = (['beaker', 'expressSession'] as const).map((use) => ({
    use,
    secret: 's',
    user: ['id'],
    redis: { url: { env: 'SESSION_REDIS' } },
  }))
  const config = loadConfig({ file: file({ sessions }), env: { SESSION_REDIS: 'redis://:pass@127.0.0.1:1' } })
  expect(config.redis).toBeNull()
  expect(config.sessions).toMatchObject([
    { redis: { url: 'redis://:pass@127.0.0.1:1' } },
    { redis: { url: 'redis://:pass@127.0.0.1:1' } },
  ])
})

test('a token’s keys may be at an address', () => {
  const sessions = [{ use: 'jwt', jwksUrl: 'https://login.example.org/keys?tenant=1', algorithms: ['RS256'] }]
  expect(loadConfig({ file: file({ sessions }), env: {} }).sessions).toMatchObject(sessions)
})

test.each(['127.0.0.1:5887', '[::1]:5887', 'localhost:1'])('the internal port %s is taken', (internal) => {
  expect(loadConfig({ env: { HERALDO_HTTP_INTERNAL: internal } }).http.internal).toBe(internal)
})

test('a registry that others can reach is allowed to those who say that they mean it', () => {
  const zeromq = { registry: { rep: 'tcp://0.0.0.0:20103' } }
  expect(loadConfig({ file: file({ zeromq: { ...zeromq, insecure: true } }), env: {} }).zeromq.registry.rep).toBe(
    'tcp://0.0.0.0:20103',
  )
  expect(
    loadConfig({ file: file({ zeromq: { registry: { ...zeromq.registry, serve: false } } }), env: {} }).zeromq.registry
      .serve,
  ).toBe(false)
})

test('what of a session may reach the browser is listed with every resolver, within bounds', () => {
  const ticket = (info: unknown) => ({ sessions: [{ use: 'authTkt', secret: SECRET, info }] })
  const token = (info: unknown) => ({ sessions: [{ use: 'jwt', secret: SECRET, info }] })
  const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`n${n}`, ['x']]))
  for (const good of [token(names(20)), token({ ['x'.repeat(50)]: ['a', 'b'] }), ticket({ groups: ['tokens'] })])
    expect(loadConfig({ file: file(good), env: {} }).sessions).toMatchObject(good.sessions)
  expect(complaint(token(names(21)))).toMatch(/sessions\[0\]\.info: .*at most 20 names/)
  for (const wrong of [{ '': ['a'] }, { ['x'.repeat(51)]: ['a'] }, { name: [] }, { name: 'sub' }, ['name']])
    expect(complaint(token(wrong))).toContain('sessions[0].info')
  for (const wrong of [['userId'], ['tokens', 'x'], []])
    expect(complaint(ticket({ name: wrong }))).toContain('sessions[0].info.name')
})

test('a file that is not there is named', () => {
  expect(() => loadConfig({ file: join(folder, 'nowhere.json'), env: {} })).toThrow(
    /nowhere\.json: cannot be read \(ENOENT\)/,
  )
})

test('the printed reference and the schema in the repository are what the code says', () => {
  expect(readFileSync('docs/configuration.md', 'utf8')).toBe(reference())
  expect(JSON.parse(readFileSync('config/gateway.schema.json', 'utf8'))).toEqual(jsonSchema())
})
