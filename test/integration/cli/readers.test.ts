import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { build, KEY, PROGRAM, startGateway, testConfig } from '../../support/gatewayProcess.ts'
import { freePort } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'
import { asker } from '../../support/zeromqRegistry.ts'

const atEnd: (() => unknown)[] = []
beforeAll(build)
afterEach(async () => {
  for (const end of atEnd.splice(0).reverse()) await end()
})

/** Where standard output goes: to a disk without room, or to a reader that goes before the first line. */
const OUTPUTS = ['a full disk', 'a reader that has gone'] as const
type Output = (typeof OUTPUTS)[number]

/** A command whose lines nobody gets. */
function startUnheard(command: readonly string[], output: Output, env: Readonly<Record<string, string>>) {
  const full = output === 'a full disk' ? openSync('/dev/full', 'w') : 'pipe'
  const child = spawn(process.execPath, [PROGRAM, ...command], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', full, 'inherit'],
  })
  if (full === 'pipe') child.stdout?.destroy()
  else closeSync(full)
  atEnd.push(() => child.kill('SIGKILL'))
  return child
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  return child.exitCode ?? (await once(child, 'exit'))[0]
}

async function environment() {
  const { registry } = (await testConfig()).zeromq
  return {
    HERALDO_HTTP_PORT: `${await freePort()}`,
    HERALDO_HTTP_KEYS: JSON.stringify([KEY]),
    HERALDO_ZEROMQ_INGEST: 'null',
    HERALDO_ZEROMQ_REGISTRY_REP: registry.rep,
    HERALDO_ZEROMQ_REGISTRY_PUB: registry.pub,
    HERALDO_ZEROMQ_NOTIFIERS: '[]',
  }
}

test.each(OUTPUTS)('%s does not end a gateway, which drains when it is told to', async (output) => {
  const env = await environment()
  const url = `http://127.0.0.1:${env.HERALDO_HTTP_PORT}`
  const child = startUnheard(['start'], output, env)
  const ready = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200
  await until('it serves', ready)
  // Each is a line in the log, and has been tried to write when it is answered.
  for (let i = 0; i < 3; i++) expect((await fetch(`${url}/v1/notify`, { method: 'POST' })).status).toBe(401)
  expect(await ready()).toBe(true)
  child.kill('SIGTERM')
  expect(await exitCode(child)).toBe(0)
})

test.each(OUTPUTS)('%s does not end a registry', async (output) => {
  const env = await environment()
  const child = startUnheard(['registry'], output, env)
  const ask = asker(env.HERALDO_ZEROMQ_REGISTRY_REP)
  atEnd.push(() => ask.close())
  for (let i = 0; i < 3; i++) expect(await ask.ask('nonsense')).toHaveProperty('error')
  expect(await ask.ask({ type: 'get-publishers' })).toEqual([])
  child.kill('SIGTERM')
  expect(await exitCode(child)).toBe(0)
})

test.each([
  ['a reader that has gone', 0],
  ['a full disk', 1],
] as const)('%s ends a command that prints an answer, with exit %d', async (output, code) => {
  const gateway = await startGateway()
  atEnd.push(() => gateway.stop())
  const tail = startUnheard(['tail', '--config', gateway.configFile], output, { HERALDO_URL: gateway.url })
  await until('something has passed and the tail has ended', async () => {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
    const body = '{"recipient":"42","notification":1,"keep":false}'
    await fetch(`${gateway.url}/v1/notify`, { method: 'POST', headers, body })
    return tail.exitCode !== null
  })
  expect(tail.exitCode).toBe(code)
})
