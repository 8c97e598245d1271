import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, heraldo } from '../../support/gatewayProcess.ts'

const dir = mkdtempSync(join(tmpdir(), 'heraldo-words-'))

beforeAll(build)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test.each([
  [[], /^heraldo: which command\? One of start, dev, /],
  [['bogus'], /^heraldo: there is no command "bogus"; see "heraldo help"$/],
  [['__proto__'], /^heraldo: there is no command "__proto__"/],
  [['start', '--port', '1'], /^heraldo: Unknown option '--port'$/],
  [['start', 'now'], /^heraldo: one word too many: "now"$/],
  [['notify'], /^heraldo: RECIPIENT is missing$/],
  [['notify', '42'], /^heraldo: JSON is missing$/],
  [['notify', '42', '{'], /^heraldo: JSON: got "\{", expected one JSON value$/],
  [['notify', '42', '1', '--url', 'nowhere'], /^heraldo: --url: got "nowhere", expected an address such as /],
  [['token'], /^heraldo: USER is missing$/],
  [['token', ''], /^heraldo: USER: got "", expected an id of 1 to 200 bytes$/],
  [['token', '42', '--ttl', '0'], /^heraldo: --ttl: got "0", expected a whole number from 1$/],
  [['whoami', '--at', 'noon'], /^heraldo: --at: got "noon", expected a whole number from 0$/],
  [['check-config', '--config', '/no/such/file'], /^heraldo: \/no\/such\/file: cannot be read \(ENOENT\)$/],
])('%j is a mistake in the words: one line, exit 2', async (args, line) => {
  const { code, stdout, stderr } = await heraldo(args)
  expect(stdout).toBe('')
  expect(stderr.trimEnd()).toMatch(line)
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  expect(code).toBe(2)
})

test.each(['start', 'dev', 'notify', 'tail', 'token', 'whoami', 'registry', 'check-config'])(
  '%s refuses a configuration with a mistake in one line that names the key',
  async (command) => {
    const config = join(dir, 'mistake.json')
    writeFileSync(config, '{ "http": { "port": "many" } }')
    const words = { notify: ['42', '1'], token: ['42'] }[command] ?? []
    const { code, stderr } = await heraldo([command, ...words, '--config', config])
    expect(stderr).toBe(`heraldo: ${config}: http.port: got a string, expected number\n`)
    expect(code).toBe(2)
  },
)

test('an environment variable that is no key is a mistake of the configuration', async () => {
  const { code, stderr } = await heraldo(['check-config'], { HERALDO_HTTP_PROT: '1' })
  expect(stderr).toContain('HERALDO_HTTP_PROT')
  expect(code).toBe(2)
})

test('check-config and start say what is valid and yet will surprise', async () => {
  const { code, stderr } = await heraldo(['check-config'], { HERALDO_APPS: '[{"id":"1"}]' })
  expect([
    code,
    stderr
      .trim()
      .split('\n')
      .map((line) => line.split(':')[2]?.trim().split(' ')[0]),
  ]).toEqual([0, ['sessions', 'http.keys', 'apps']])
})

test('check-config says that the configuration is good', async () => {
  expect(await heraldo(['check-config', '--config', 'config/dev.json'])).toEqual({
    code: 0,
    stdout: 'config/dev.json: ok\n',
    stderr: '',
  })
})

test('config-reference prints the page and the schema of every key', async () => {
  expect((await heraldo(['config-reference'])).stdout).toMatch(/^# Configuration\n[\s\S]+HERALDO_HTTP_PORT/)
  const schema: unknown = JSON.parse((await heraldo(['config-reference', '--schema'])).stdout)
  expect(schema).toHaveProperty('properties.http')
})

test('help lists every command, --help shows the words of one, --version the version', async () => {
  expect((await heraldo(['help'])).stdout).toMatch(/start +run the gateway[\s\S]+config-reference/)
  expect(await heraldo(['notify', '--help'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('RECIPIENT JSON'),
  })
  expect((await heraldo(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('keys prints a new CURVE pair each time', async () => {
  const [one, other] = [await heraldo(['keys']), await heraldo(['keys'])]
  expect(JSON.parse(one.stdout)).toEqual({
    publicKey: expect.stringMatching(/^\S{40}$/),
    secretKey: expect.stringMatching(/^\S{40}$/),
  })
  expect(one.stdout).not.toBe(other.stdout)
})

test('explain asks a gateway, and says when there is none', async () => {
  expect(await heraldo(['explain', 'o-17', '--url', 'http://127.0.0.1:1', '--key', 'k'])).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^heraldo: no gateway answers at http:\/\/127\.0\.0\.1:1 \(.+\)\n$/),
  })
})
