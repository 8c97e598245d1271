import {
  type GatewayProcess,
  heraldo,
  KEY,
  PROGRAM,
  type Process,
  startGateway,
  startProcess,
} from '../../support/gatewayProcess.ts'
import { until } from '../../support/until.ts'

const started: Process[] = []
let gateway: GatewayProcess

beforeAll(async () => {
  gateway = await startGateway()
})
afterEach(async () => {
  for (const child of started.splice(0)) await child.stop()
})
afterAll(() => gateway.stop())

test('notify --live sends and prints the reply as one line of JSON', async () => {
  const { code, stdout, stderr } = await heraldo(['notify', '--live', '42', '{"text":"hi"}'], gatewayEnv())
  expect(JSON.parse(stdout)).toEqual({ ok: true, id: expect.any(String), duplicate: false, positions: {} })
  expect(stdout).toMatch(/^\{.*\}\n$/)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

test('notify without --live is kept, and prints where it stands', async () => {
  const { code, stdout, stderr } = await heraldo(['notify', 'kept', '{"n":12345678901234567890}'], gatewayEnv())
  const positions = { kept: { epoch: expect.any(String), seq: 1 } }
  const store = expect.any(String)
  expect(JSON.parse(stdout)).toEqual({ ok: true, id: expect.any(String), duplicate: false, positions, store })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

test('explain tells what became of a kept notification, one line for each recipient', async () => {
  const { stdout } = await heraldo(['notify', 'explained', '1'], gatewayEnv())
  const { id }: { id: string } = JSON.parse(stdout)
  const { code, stdout: told, stderr } = await heraldo(['explain', id], gatewayEnv())
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
  expect(told).toMatch(
    new RegExp(`^explained  seq 1  accepted ${time}  stored ${time}  not sent  not seen  not read\\n$`),
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const json = await heraldo(['explain', id, '--json'], gatewayEnv())
  expect(JSON.parse(json.stdout)).toMatchObject({
    id,
    recipients: [{ recipient: 'explained', sent: null, gone: null }],
  })
})

test('explain says when nobody knows of an id, exit 1', async () => {
  expect(await heraldo(['explain', 'no such/id'], gatewayEnv())).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^heraldo: api\.notFound: No kept notification .+\n$/),
  })
})

test('a wrong key, a wrong recipient, a gateway that is not there: one sentence each, exit 1', async () => {
  const refused = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await heraldo(['notify', '--live', ...args], gatewayEnv())
    expect({ code, stdout, lines: stderr.trimEnd().split('\n').length }).toEqual({ code: 1, stdout: '', lines: 1 })
    return stderr
  }
  expect(await refused(['42', '1', '--key', 'wrong'])).toMatch(/^heraldo: api\.unauthorized: /)
  expect(await refused(['', '1'])).toMatch(/^heraldo: draft\.recipient: /)
  expect(await refused(['42', '1', '--url', 'http://127.0.0.1:1'])).toMatch(
    /^heraldo: no gateway answers at http:\/\/127\.0\.0\.1:1 \(.+\)$/m,
  )
})

test('tail shows one readable line for what passes, and only what goes to the recipient it was asked for', async () => {
  const tail = await startTail(['42'])
  await heraldo(['notify', '--live', '43', '"not this one"'], gatewayEnv())
  await heraldo(['notify', '--live', '42', '{"text":"hi\\u0007"}'], gatewayEnv())
  await until('the line is there', () => tail.stdout().includes('\n'))
  expect(tail.stdout()).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} {2}42 {2}notification {2}\S+ {2}0 connections {2}\{"text":"hi\\u0007"\}\n$/,
  )
})

test('tail --json prints what the gateway tells, line by line, and Ctrl-C ends it with exit 0', async () => {
  const tail = await startTail(['--json'])
  await heraldo(['notify', '--live', '*', '5'], gatewayEnv())
  await until('the line is there', () => tail.stdout().includes('\n'))
  expect(JSON.parse(tail.stdout())).toMatchObject({ recipient: '*', type: 'notification', body: 5, connections: 0 })
  tail.signal('SIGINT')
  expect(await tail.ended).toBe(0)
  expect(tail.stderr().trimEnd().split('\n')).toHaveLength(1)
})

test('whoever stops reading tail, as head does, ends it without a word', async () => {
  const script = `"${process.execPath}" ${PROGRAM} tail --json | head -n 1`
  const pipe = startProcess(['-c', script], { command: 'sh', env: gatewayEnv() })
  started.push(pipe)
  await until('tail shows what passes', () => pipe.stderr().includes('from now on'))
  await heraldo(['notify', '--live', '*', '1'], gatewayEnv())
  await until('head has its line', () => pipe.stdout().includes('\n'))
  await heraldo(['notify', '--live', '*', '2'], gatewayEnv())
  expect(await pipe.ended).toBe(0)
  expect(pipe.stdout()).toMatch(/^\{.+\}\n$/)
  expect(pipe.stderr().trimEnd().split('\n')).toHaveLength(1)
})

test('when the gateway goes, tail says so and ends with exit 1', async () => {
  const other = await startGateway()
  const tail = await startTail([], other)
  expect(await other.stop()).toBe(0)
  expect(await tail.ended).toBe(1)
  expect(tail.stderr()).toContain(`heraldo: the gateway at ${other.url} has ended the tail\n`)
})

/** A tail that shows everything from now on. */
async function startTail(args: readonly string[], at = gateway): Promise<Process> {
  const tail = startProcess([PROGRAM, 'tail', ...args], { env: gatewayEnv(at) })
  started.push(tail)
  await until('tail shows what passes', () => tail.stderr().includes('from now on'))
  return tail
}

function gatewayEnv({ url } = gateway) {
  return { HERALDO_URL: url, HERALDO_KEY: KEY }
}
