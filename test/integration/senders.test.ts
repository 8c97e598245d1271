import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { createSender } from '../../src/sdk/notifier/index.ts'
import type { GatewayProcess } from '../support/gatewayProcess.ts'
import { KEY, startGateway } from '../support/gatewayProcess.ts'
import { requirePython } from '../support/python.ts'
import type { RedisServer } from '../support/redisServer.ts'
import { freePort, startRedis } from '../support/redisServer.ts'
import { until } from '../support/until.ts'

const FOLDER = 'notifiers/python'
const python = requirePython('zmq')

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Gateways come and go; what stays is the address, and the store. */
async function site(gateways = 1) {
  let redis: RedisServer = await startRedis()
  ends.push(() => redis.stop())
  const ports = await Promise.all(Array.from({ length: gateways }, freePort))
  const ingest = ports.map((port) => `tcp://127.0.0.1:${port}`)
  const parts = { redis: { url: redis.url }, inbox: { keep: 5000 } }
  const start = async (n = 0): Promise<GatewayProcess> => {
    const made = await startGateway({ ...parts, zeromq: { ingest: ingest[n] } })
    ends.push(() => made.stop())
    return made
  }
  const wipe = async () => {
    await redis.stop()
    redis = await startRedis({ port: redis.port })
  }
  return { ingest, start, wipe }
}

/** A program that sends, in one language or the other. */
interface Program {
  /** Begins to send; the ids that were acknowledged so far are in `acknowledged`. */
  send(user: string, body: unknown): void
  readonly acknowledged: readonly string[]
  /** What was not acknowledged in the end. */
  close(): Promise<readonly string[]>
}

function typescriptProgram(ingest: readonly string[], source: string): Program {
  const sender = createSender({ ingest, source })
  ends.push(() => sender.close({ drainMs: 0 }))
  const acknowledged: string[] = []
  return {
    acknowledged,
    send(user, body) {
      sender.notify(user, body).then(
        ({ id }) => acknowledged.push(id),
        () => undefined,
      )
    },
    close: () => sender.close({ drainMs: 30_000 }),
  }
}

function pythonProgram(ingest: readonly string[], source: string): Program {
  const child = spawn(python, [`${FOLDER}/tests/sender_driver.py`, JSON.stringify({ ingest, source })], {
    env: { ...process.env, PYTHONPATH: FOLDER, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  ends.push(() => child.kill('SIGKILL'))
  const acknowledged: string[] = []
  const left = new Promise<readonly string[]>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line)
      if (!Array.isArray(said)) resolve(said.left)
      else if (said[2] === null) acknowledged.push(said[0])
    })
  })
  return {
    acknowledged,
    send: (user, body) => void child.stdin.write(`${JSON.stringify([user, body, {}])}\n`),
    close() {
      child.stdin.end()
      return left
    },
  }
}

interface Item {
  readonly id: string
  readonly seq: number
  readonly body: { readonly from: string; readonly n: number }
}

/** Oldest first. */
async function inbox(at: GatewayProcess, user: string): Promise<readonly Item[]> {
  const items: Item[] = []
  let before = ''
  do {
    const answer = await fetch(`${at.url}/v1/users/${user}/inbox?limit=100${before}`, {
      headers: { authorization: `Bearer ${KEY}` },
    })
    const page: { items: Item[]; next?: number } = JSON.parse(await answer.text())
    items.push(...page.items)
    before = page.next === undefined ? '' : `&before=${page.next}`
  } while (before !== '')
  return items.reverse()
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

/** Every acknowledged one stands there once, and what each program said stands in the order in which it said it. */
async function expectAllOnceInOrder(at: GatewayProcess, programs: Readonly<Record<string, Program>>, count: number) {
  const items = await inbox(at, '42')
  for (const [source, { acknowledged }] of Object.entries(programs)) {
    const own = items.filter(({ body }) => body.from === source)
    expect(own.map(({ body }) => body.n)).toEqual(numbers(count))
    expect(own.map(({ id }) => id).sort()).toEqual(acknowledged.map((id) => `${source}:${id}`).sort())
  }
}

test('whatever becomes of the gateway, each acknowledged id stands in the inbox once, and in order', async () => {
  const { ingest, start } = await site()
  let at = await start()
  const programs = { ts: typescriptProgram(ingest, 'ts'), py: pythonProgram(ingest, 'py') }
  let said = 0
  const say = (count: number) => {
    for (; said < count; said++)
      for (const [from, program] of Object.entries(programs)) program.send('42', { from, n: said })
  }
  for (const round of [1, 2]) {
    say(round * 700)
    await until('some were acknowledged', () =>
      Object.values(programs).every(({ acknowledged }) => acknowledged.length > round * 700 - 600),
    )
    at.signal('SIGKILL')
    await at.ended
    say(round * 700 + 100) // while nobody is there
    at = await start()
  }
  say(1600)
  expect(await Promise.all(Object.values(programs).map((program) => program.close()))).toEqual([[], []])
  await expectAllOnceInOrder(at, programs, 1600)
}, 120_000)

test('with two gateways nobody waits for the one that was killed', async () => {
  const { ingest, start } = await site(2)
  const [first, second] = [await start(0), await start(1)]
  const programs = { ts: typescriptProgram(ingest, 'ts'), py: pythonProgram(ingest, 'py') }
  for (const n of numbers(500)) for (const [from, program] of Object.entries(programs)) program.send('42', { from, n })
  await until('some were acknowledged', () =>
    Object.values(programs).every(({ acknowledged }) => acknowledged.length > 0),
  )
  first.signal('SIGKILL')
  expect(await Promise.all(Object.values(programs).map((program) => program.close()))).toEqual([[], []])
  await expectAllOnceInOrder(second, programs, 500)
}, 120_000)

test('a store that lost everything is told the last minute again', async () => {
  const { ingest, start, wipe } = await site()
  const at = await start()
  const programs = { ts: typescriptProgram(ingest, 'ts'), py: pythonProgram(ingest, 'py') }
  const say = (n: number) => Object.entries(programs).map(([from, program]) => program.send('42', { from, n }))
  for (const n of numbers(50)) say(n)
  const everybody = (count: number) => () =>
    Object.values(programs).every(({ acknowledged }) => acknowledged.length === count)
  await until('all were acknowledged', everybody(50))
  await wipe()
  say(50)
  await until('the last was acknowledged', everybody(51))
  expect(await Promise.all(Object.values(programs).map((program) => program.close()))).toEqual([[], []])
  const items = await inbox(at, '42')
  for (const [source, { acknowledged }] of Object.entries(programs)) {
    const own = items.filter(({ body }) => body.from === source)
    expect(own.map(({ id }) => id).sort()).toEqual(acknowledged.map((id) => `${source}:${id}`).sort())
    // The one by which the loss was noticed comes first, then the others in their order.
    expect(own.map(({ body }) => body.n)).toEqual([50, ...numbers(50)])
  }
}, 120_000)
