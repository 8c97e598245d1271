import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeUserId } from '../../src/core/address.ts'
import { parseDraft } from '../../src/core/draft.ts'
import type { Heard } from '../support/gatewayStub.ts'
import { gatewayStub } from '../support/gatewayStub.ts'
import { ingestStub, refusal } from '../support/ingestStub.ts'
import { requirePython } from '../support/python.ts'
import { listOf, registryStub } from '../support/registryStub.ts'
import { until } from '../support/until.ts'

const python = requirePython('zmq')
const open: { close(): unknown }[] = []
const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const one of open.splice(0).reverse()) await one.close()
})

function start(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [program = '', ...args] = command
  const child = spawn(program, args, { env: { ...process.env, NODE_OPTIONS: '', HERALDO_PYTHON: python, ...env } })
  children.push(child)
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      printed += chunk
    })
  return {
    child,
    printed: () => printed,
    ended: new Promise<number | string | null>((resolve) =>
      child.on('close', (code, signal) => resolve(code ?? signal)),
    ),
  }
}

async function registry() {
  const addresses: string[] = []
  const stub = await registryStub(listOf(addresses))
  open.push(stub)
  return { ...stub, addresses }
}

async function gateway(address: string, recipients: readonly string[]) {
  const stub = await gatewayStub(address, recipients)
  open.push(stub)
  return stub
}

/** A gateway would take it. */
const judge = ({ frames, recipient }: Heard) =>
  parseDraft({ to: [recipient], header: frames[1], body: frames[2] ?? Buffer.alloc(0) }, 65_536)

const strange = ['a|b%', '#1', '\u0001ü']

test.each([
  ['clock.ts', [process.execPath, '--import', 'tsx', 'notifiers/clock.ts']],
  ['clock.py', [python, 'notifiers/clock.py']],
])('%s tells users the time in the full form, and leaves the registry when it is asked to end', async (_, command) => {
  const { address, addresses } = await registry()
  const users = ['42', ...strange]
  const run = start([...command, '--every', '0.1', ...users], { HERALDO_REGISTRY: address })
  await until('it is registered', () => addresses.length === 1)
  const bound = addresses[0] ?? ''
  const stub = await gateway(bound, users.map(encodeUserId))
  await until('every user was told twice and it beat', () =>
    users.every(
      (user) =>
        stub.heard.filter(({ recipient }) => recipient === encodeUserId(user)).length > 1 && stub.heartbeats.length > 0,
    ),
  )
  for (const heard of stub.heard) {
    expect(judge(heard)).toMatchObject({ type: 'clock.tick', source: 'clock', ttlMs: 60_000 })
    expect(JSON.parse(heard.body)).toEqual({ text: expect.stringMatching(/^It is \d\d:\d\d:\d\d$/), from: 'clock' })
  }
  const [first, second] = stub.heard.filter(({ recipient }) => recipient === '42').map(judge)
  expect(second?.sequence).toEqual({ epoch: first?.sequence?.epoch, seq: (first?.sequence?.seq ?? 0) + 1 })
  expect(second?.id).not.toBe(first?.id)
  expect(stub.heartbeats[0]).toMatchObject({ header: { source: 'clock', epoch: first?.sequence?.epoch }, body: '{}' })

  run.child.kill('SIGTERM')
  expect(await run.ended).toBe(0)
  expect(run.printed()).toBe(`clock: tells ${users.join(', ')} the time from ${bound}\n`)
  expect(addresses).toEqual([])
})

test.each([
  ['reminder.ts', [process.execPath, '--import', 'tsx', 'notifiers/reminder.ts']],
  ['reminder.py', [python, 'notifiers/reminder.py']],
  ['python/reminder.py', [python, 'notifiers/python/reminder.py']],
])('%s waits until a gateway has it in every inbox, and reminds nobody twice of the same', async (_, command) => {
  const before = await ingestStub()
  before.close()
  const remind = (...words: readonly string[]) =>
    start([...command, ...words], { HERALDO_INGEST: before.address, PYTHONPATH: 'notifiers/python' })
  const first = remind('--id', 'r-1', 'Call the bank', '42', 'a|b%')
  const stub = await ingestStub(before.address)
  open.push(stub)
  expect(await first.ended).toBe(0)
  expect(first.printed()).toBe('reminder: 42 has it, as number 1\nreminder: a|b% has it, as number 1\n')
  expect(stub.asked[0]).toMatchObject({ id: 'r-1', recipients: ['42', 'a%7Cb%25'], header: { source: 'reminder' } })
  expect(JSON.parse(stub.asked[0]?.body ?? '')).toEqual({ text: 'Call the bank', from: 'reminder' })

  const again = remind('--id', 'r-1', 'Call the bank', '42', 'a|b%')
  expect(await again.ended).toBe(0)
  expect(again.printed()).toMatch(/^reminder: 42 had it already, as number 1\n/)

  stub.behave = ({ id }) => [refusal(id, 'draft.idConflict', false)]
  const refused = remind('--id', 'r-1', 'Call the doctor')
  expect(await refused.ended).toBe(1)
  expect(refused.printed()).toBe('reminder: It is draft.idConflict.\n')
  expect(await remind().ended).toBe(2)
})

test('the short form is one frame', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'heraldo-'))
  const address = `ipc://${folder}/short`
  start([python, 'notifiers/clock_short.py', '42'], { HERALDO_BIND: address })
  const stub = await gateway(address, ['42'])
  await until('it was heard', () => stub.heard.length > 0, 15_000)
  rmSync(folder, { recursive: true })
  expect(stub.heard[0]?.frames).toHaveLength(1)
  expect(JSON.parse(stub.heard[0]?.body ?? '')).toMatchObject({ from: 'clock' })
})

test('a notifier is started by its name, hears our signals, and its exit code is ours', async () => {
  const { address, addresses } = await registry()
  const run = start([process.execPath, 'scripts/notifier.mjs', 'clock.py', '42'], { HERALDO_REGISTRY: address })
  await until('it is registered', () => addresses.length === 1)
  run.child.kill('SIGINT')
  expect(await run.ended).toBe(0)
  const refused = start([process.execPath, 'scripts/notifier.mjs', 'clock.py', '--nonsense'])
  expect(await refused.ended).toBe(2)
})

test.each([['Name a notifier'], ['There is no notifier "../clock"', '../clock']])(
  '%s: says which there are',
  async (sentence, ...name) => {
    const run = start([process.execPath, 'scripts/notifier.mjs', ...name])
    expect(await run.ended).toBe(2)
    expect(run.printed()).toContain(sentence)
    expect(run.printed()).toContain('clock.py, clock.ts, clock_short.py, reminder.py, reminder.ts, worker2013.py')
  },
)
