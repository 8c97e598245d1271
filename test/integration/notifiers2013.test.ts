import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNotifier } from '../../src/sdk/notifier/index.ts'
import { requirePython } from '../support/python.ts'
import { until } from '../support/until.ts'
import { zeromqSide } from '../support/zeromqSide.ts'

const python = requirePython('zmq')
const open: { close(): unknown }[] = []
const children: ChildProcess[] = []
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heraldo-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const one of open.splice(0).reverse()) await one.close()
  rmSync(folder, { recursive: true })
})

const rep = () => `ipc://${folder}/rep`

async function gateway(users: readonly string[]) {
  const side = await zeromqSide(rep(), `ipc://${folder}/pub`, users)
  open.push(side)
  return side
}

/** The 2013 worker is told its port; one that is free now is taken. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const at = server.address()
      server.close(() => (at !== null && typeof at === 'object' ? resolve(at.port) : reject(new Error('no port'))))
    })
  })
}

test('a worker of 2013 asks the registry for a place and is heard, unchanged', async () => {
  const side = await gateway(['42'])
  const port = await freePort()
  const env = { ...process.env, HERALDO_REGISTRY: rep() }
  children.push(spawn(python, ['notifiers/worker2013.py', `${port}`, '42', '420'], { env, stdio: 'ignore' }))
  await until('two were heard', () => side.heard.length >= 2)
  expect(side.directory.list()).toMatchObject([{ address: `tcp://127.0.0.1:${port}`, ttlMs: undefined }])
  for (const { to, header, body } of side.heard) {
    expect([to, header]).toEqual([['42'], undefined])
    expect(JSON.parse(String(body))).toEqual({ text: expect.stringMatching(/^number \d+$/), from: 'worker2013' })
  }
  expect(side.failures).toEqual([])
})

test('a notifier of today is heard by a gateway that found it through the registry, also after the gateway began anew', async () => {
  const before = await gateway(['42'])
  const orders = await createNotifier({ name: 'orders', registry: rep() })
  open.push(orders)
  await orders.ready()
  await orders.notify('42', 'before')
  await until('it was heard', () => before.heard.length === 1)
  open.splice(open.indexOf(before), 1)
  await before.close()
  await until('the notifier knows', () =>
    orders.ready({ timeoutMs: 1 }).then(
      () => false,
      () => true,
    ),
  )

  // Its registry remembers nobody.
  const after = await gateway(['42'])
  await orders.ready()
  await orders.notify('42', 'after')
  await until('it was heard again', () => after.heard.length === 1)
  expect(after.heard.map(({ to, body }) => [to, String(body)])).toEqual([[['42'], '"after"']])
  expect(after.directory.list()).toMatchObject([{ address: orders.address, name: 'orders', ttlMs: 30_000 }])
  await orders.close()
  expect(after.directory.list()).toEqual([])
})
