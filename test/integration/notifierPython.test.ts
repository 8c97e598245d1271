import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Notifier } from '../../src/sdk/notifier/index.ts'
import { createNotifier } from '../../src/sdk/notifier/index.ts'
import type { GatewayProcess, Process } from '../support/gatewayProcess.ts'
import { build, KEY, PROGRAM, startGateway, startProcess, testConfig } from '../support/gatewayProcess.ts'
import { requirePython } from '../support/python.ts'
import { token } from '../support/sessions.ts'
import type { Browser } from '../support/socketioClients.ts'
import { browse, closeTab } from '../support/socketioClients.ts'
import { until } from '../support/until.ts'

const FOLDER = 'notifiers/python'
const python = requirePython('zmq')
const env = { PYTHONPATH: FOLDER, PYTHONDONTWRITEBYTECODE: '1' }

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Registry {
  readonly rep: string
  readonly pub: string
}

/** A Python program that uses the SDK, and does what the test tells it. */
interface PythonNotifier {
  readonly address: string
  /** Calls a method; rejects with the code of the NotifierError. */
  call(method: string, args?: readonly unknown[], keywords?: Readonly<Record<string, unknown>>): Promise<unknown>
  notify(user: string, body: unknown): Promise<unknown>
}

async function pythonNotifier(name: string, registry: string, more: object = {}): Promise<PythonNotifier> {
  const options = JSON.stringify({ name, registry, ...more })
  const child = spawn(python, [`${FOLDER}/tests/driver.py`, options], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  ends.push(async () => {
    child.stdin.end() // the interpreter closes what the test has not
    await ended
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { result, error } = JSON.parse((await lines.next()).value ?? '{"error":"it has ended"}')
    if (error !== undefined) throw new Error(error)
    return result
  }
  const call: PythonNotifier['call'] = (method, args = [], keywords = {}) => {
    child.stdin.write(`${JSON.stringify([method, args, keywords])}\n`)
    return answer()
  }
  const address = await answer()
  return { address, call, notify: (user, body) => call('notify', [user, body]) }
}

async function typescriptNotifier(name: string, registry: string): Promise<Notifier> {
  const made = await createNotifier({ name, registry })
  ends.push(() => made.close())
  return made
}

async function gateway(zeromq: object = {}): Promise<GatewayProcess> {
  const made = await startGateway({ zeromq })
  ends.push(() => made.stop())
  return made
}

async function tab(at: GatewayProcess, user: string): Promise<Browser> {
  const made = await browse(at.url, await token(user), { reconnection: false })
  ends.push(() => closeTab(made))
  return made
}

/** From here on what this notifier tells this user is heard. */
async function warmUp(notifier: Pick<PythonNotifier, 'notify'>, user: string, { bodies }: Browser): Promise<void> {
  const before = bodies.length
  await until('the user hears', async () => {
    await notifier.notify(user, 'warming up')
    return bodies.length > before
  })
}

const told = ({ bodies }: Browser) => bodies.filter((body) => body !== 'warming up')
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

test('the tests in Python pass', async () => {
  const run = startProcess(['-m', 'unittest', 'discover', '-s', `${FOLDER}/tests`, '-t', FOLDER], {
    command: python,
    env,
  })
  await run.ended
  expect(run.stderr()).toMatch(/^Ran [1-9]\d* tests in .*\n\nOK\n$/m) // or what failed is shown
}, 120_000)

test('all that Python sends is shown once and in order, before and after the gateway died', async () => {
  const first = await gateway()
  const orders = await pythonNotifier('orders', first.registry.rep)
  const before = await tab(first, '42')
  await orders.call('ready', [20])
  await warmUp(orders, '42', before)
  for (const n of numbers(0, 500)) await orders.notify('42', n)
  await until('all were shown', () => told(before).length >= 500)
  expect(told(before)).toEqual(numbers(0, 500))

  first.signal('SIGKILL')
  await first.ended
  await until('nobody hears', () =>
    orders.call('ready', [0]).then(
      () => false,
      () => true,
    ),
  )
  await expect(orders.call('ready', [0])).rejects.toThrow('notifier.notReady')
  await orders.notify('42', 'while nobody hears')
  const second = await gateway({ registry: { serve: true, ...first.registry } })
  const after = await tab(second, '42')
  await orders.call('ready', [20])
  await warmUp(orders, '42', after)
  for (const n of numbers(500, 1000)) await orders.notify('42', n)
  await until('all were shown', () => told(after).length >= 500)
  expect(told(after)).toEqual(numbers(500, 1000))
  expect(new Set(after.metas.map(({ id }) => id)).size).toBe(after.metas.length)
})

test('both SDKs speak side by side: each in its order, ids and types as given, and no gap is counted', async () => {
  const at = await gateway()
  const user = await tab(at, '42')
  const py = await pythonNotifier('python', at.registry.rep)
  const ts = await typescriptNotifier('typescript', at.registry.rep)
  await Promise.all([py.call('ready', [20]), ts.ready({ timeoutMs: 20_000 })])
  await warmUp(py, '42', user)
  await warmUp(ts, '42', user)
  for (const n of numbers(0, 300)) {
    if (n % 3 === 0) await expect(py.notify('42', 'x'.repeat(70_000))).rejects.toThrow('draft.tooLarge')
    const options = { id: `n-${n}`, type: 'order.shipped', ttl: 60, at: 1_763_750_000_000 }
    await Promise.all([py.call('notify', ['42', { py: n }], options), ts.notify('42', { ts: n }, options)])
  }
  await until('all were shown', () => told(user).length >= 600)
  for (const [key, source] of [
    ['py', 'python'],
    ['ts', 'typescript'],
  ] as const) {
    const metas = user.metas.filter(({ id }) => id.startsWith(`${source}:n-`))
    const expiresAt = 1_763_750_060_000
    const meta = (n: number) => ({ id: `${source}:n-${n}`, type: 'order.shipped', at: 1_763_750_000_000, expiresAt })
    expect(metas).toEqual(numbers(0, 300).map(meta))
    const bodies = user.bodies.filter((body) => body instanceof Object && key in body)
    expect(bodies).toEqual(numbers(0, 300).map((n) => ({ [key]: n })))
  }
  const metrics = await (await fetch(`${at.url}/metrics`)).text()
  expect(metrics).toMatch(/^heraldo_live_gaps_total(\{.*\})? 0$/m)
})

test.each(['a|b', '100%', '%7C', '#orders', '*', '!ready', 'new\nline', '\u0001\u007f', 'Ñandú|😀'])(
  'user %j hears what is for them alone, and what is for everyone',
  async (name) => {
    const at = await shared()
    const [own, other] = [await tab(at, name), await tab(at, 'another')]
    const orders = await pythonNotifier('orders', at.registry.rep)
    await orders.call('ready', [20])
    await warmUp(orders, name, own)
    await warmUp(orders, 'another', other)
    await orders.notify(name, { text: '¡hola!', n: 1.5 })
    await orders.call('to_everyone', ['closing'])
    await until('both heard the last', () => own.bodies.at(-1) === 'closing' && other.bodies.at(-1) === 'closing')
    expect(told(own)).toEqual([{ text: '¡hola!', n: 1.5 }, 'closing'])
    expect(told(other)).toEqual(['closing'])
  },
)

test('what was sent right before the end is shown, and the registry has forgotten the notifier', async () => {
  const at = await shared()
  const user = await tab(at, '42')
  const orders = await pythonNotifier('orders', at.registry.rep)
  await orders.call('ready', [20])
  await warmUp(orders, '42', user)
  const pad = 'x'.repeat(10_000)
  for (const n of numbers(0, 200)) await orders.notify('42', { n, pad })
  await orders.call('close')
  await until('the last one was shown', () => told(user).length >= 200)
  expect(told(user)).toEqual(numbers(0, 200).map((n) => ({ n, pad })))
  await expect(orders.notify('42', 1)).rejects.toThrow('notifier.closed')
  await until('it is gone from the list', async () => !(await notifiersOf(at)).includes(orders.address))
})

test('a registry that is killed stops nothing, and knows the notifier again when it is back', async () => {
  const config = await testConfig()
  const registry = await startRegistry(config.zeromq.registry)
  const at = await gateway({
    registry: { serve: false, rep: config.zeromq.registry.rep, pub: config.zeromq.registry.pub },
  })
  const user = await tab(at, '42')
  const orders = await pythonNotifier('orders', config.zeromq.registry.rep, { ttl_seconds: 3 })
  await orders.call('ready', [20])
  await warmUp(orders, '42', user)
  registry.signal('SIGKILL')
  await registry.ended
  for (const n of numbers(0, 100)) await orders.notify('42', n)
  await until('all were shown', () => told(user).length >= 100)
  await startRegistry(config.zeromq.registry)
  const later = await gateway({
    registry: { serve: false, rep: config.zeromq.registry.rep, pub: config.zeromq.registry.pub },
  })
  const laterTab = await tab(later, '42')
  await warmUp(orders, '42', laterTab)
  await orders.notify('42', 100)
  await until('both show it', () => told(user).includes(100) && told(laterTab).includes(100))
  expect(told(user)).toEqual(numbers(0, 101))
})

test('the clock tells the time until it is stopped', async () => {
  const at = await shared()
  const user = await tab(at, 'a|b')
  const clock = startProcess([`${FOLDER}/clock.py`, '--every', '0.1', '42', 'a|b'], {
    command: python,
    env: { ...env, HERALDO_REGISTRY: at.registry.rep },
  })
  ends.push(() => clock.stop())
  await until('it was heard', () => user.bodies.length > 1)
  expect(user.bodies[0]).toEqual({ text: expect.stringMatching(/^It is \d\d:\d\d:\d\d$/), from: 'clock' })
  expect(user.metas[0]).toMatchObject({ type: 'clock.tick', id: expect.stringMatching(/^clock:/) })
  expect(await clock.stop()).toBe(0)
  expect(clock.stdout()).toMatch(/^clock: tells 42, a\|b the time from tcp:\/\/127\.0\.0\.1:\d+\n$/)
})

let one: Promise<GatewayProcess> | undefined
afterAll(async () => {
  await (await one)?.stop()
})

/** For tests that leave it as it was. */
function shared(): Promise<GatewayProcess> {
  one ??= startGateway()
  return one
}

/** `heraldo registry`: a registry without a gateway. */
async function startRegistry(registry: Registry): Promise<Process> {
  await build()
  const folder = mkdtempSync(join(tmpdir(), 'heraldo-'))
  const file = join(folder, 'registry.json')
  writeFileSync(file, JSON.stringify({ zeromq: { registry: { serve: true, rep: registry.rep, pub: registry.pub } } }))
  const made = startProcess([PROGRAM, 'registry', '--config', file])
  ends.push(async () => {
    await made.stop()
    rmSync(folder, { recursive: true })
  })
  await until('the registry is ready', () => made.stdout().includes('ready'))
  return made
}

async function notifiersOf(at: GatewayProcess): Promise<string> {
  const answer = await fetch(`${at.url}/v1/notifiers`, { headers: { authorization: `Bearer ${KEY}` } })
  return await answer.text()
}
