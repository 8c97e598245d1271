import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { build, type Process, readyUrl, startProcess, testConfig } from '../support/gatewayProcess.ts'
import { freePort } from '../support/redisServer.ts'
import { until } from '../support/until.ts'

const started: Process[] = []

beforeAll(build)
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (membersOf(child.pid).length > 0) process.kill(-child.pid, 'SIGKILL')
    await child.ended
  }
})

test('npm start is ready without installing or building again; Ctrl-C ends everything that it started, exit 0', async () => {
  const npm = await npmStart()
  await readyUrl(npm)
  expect(npm.stdout()).not.toMatch(/Installing|Building/)
  await until('the clock runs too', () => clockOf(npm) !== undefined)
  process.kill(-npm.pid, 'SIGINT')
  expect(await npm.ended).toBe(0)
  expect(membersOf(npm.pid)).toEqual([])
  expect(complaints(npm)).toEqual([])
})

test.each(['SIGINT', 'SIGTERM'] as const)('%s to npm alone ends everything that it started too', async (signal) => {
  const npm = await npmStart()
  await readyUrl(npm)
  npm.signal(signal)
  expect(await npm.ended).toBe(0)
  expect(membersOf(npm.pid)).toEqual([])
})

test('a clock that dies is said, and the gateway goes on without it', async () => {
  const npm = await npmStart()
  const url = await readyUrl(npm)
  await until('the clock runs', () => clockOf(npm) !== undefined)
  process.kill(clockOf(npm)?.pid ?? 0, 'SIGKILL')
  await until('it is said', () => complaints(npm).length > 0)
  expect(complaints(npm)).toEqual([
    'heraldo: the clock, our demo notifier, has ended (SIGKILL); the gateway goes on without it',
  ])
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  expect(clockOf(npm)).toBeUndefined()
})

test('a taken port is one clear sentence', async () => {
  const server = createServer()
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' ? (address?.port ?? 0) : 0)
    })
  })
  const npm = await npmStart({ HERALDO_HTTP_PORT: `${port}` })
  expect(await npm.ended).toBe(1)
  expect(complaints(npm)).toEqual([
    expect.stringMatching(new RegExp(`^heraldo: .*${port}.* is taken by another program\\.$`)),
  ])
  await new Promise((resolve) => server.close(resolve))
})

/** As in a terminal: npm is the leader of a group, and what it starts belongs to it. */
async function npmStart(env: Readonly<Record<string, string>> = {}): Promise<Process> {
  const { registry } = (await testConfig()).zeromq
  const npm = startProcess(['start'], {
    command: 'npm',
    inGroup: true,
    env: {
      HERALDO_HTTP_PORT: `${await freePort()}`,
      HERALDO_ZEROMQ_INGEST: 'null',
      HERALDO_ZEROMQ_REGISTRY_REP: registry.rep,
      HERALDO_ZEROMQ_REGISTRY_PUB: registry.pub,
      HERALDO_ZEROMQ_NOTIFIERS: '[]',
      ...env,
    },
  })
  started.push(npm)
  return npm
}

/** What was said on stderr, without npm's own words about the machine's settings. */
const complaints = (npm: Process) =>
  npm
    .stderr()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('npm warn'))

const clockOf = (npm: Process) => membersOf(npm.pid).find(({ command }) => command.includes('notifiers/clock'))

/** What lives in a process group. */
function membersOf(group: number): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return Number(afterName[2]) === group ? [{ pid: Number(pid), command }] : []
      } catch {
        // It has ended while we looked.
        return []
      }
    })
}
