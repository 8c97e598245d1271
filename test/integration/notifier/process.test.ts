import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { gatewayStub } from '../../support/gatewayStub.ts'
import { ingestStub } from '../../support/ingestStub.ts'
import { until } from '../../support/until.ts'

const sdk = new URL('../../../src/sdk/notifier/index.ts', import.meta.url).href

/** A program of somebody else's that uses the SDK. */
function program(text: string) {
  const source = `const { createNotifier, createSender } = await import(${JSON.stringify(sdk)})\n${text}`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source])
  let printed = ''
  child.stdout.on('data', (chunk) => {
    printed += chunk
  })
  let complained = ''
  child.stderr.on('data', (chunk) => {
    complained += chunk
  })
  children.push(child)
  return {
    child,
    line: () => printed.split('\n')[0] ?? '',
    printed: () => printed,
    ended: new Promise<{ code: number | null; complained: string }>((resolve) =>
      child.on('close', (code) => resolve({ code, complained })),
    ),
  }
}

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

test('a program that only awaits close() ends by itself', async () => {
  const { ended } = program(`
    const orders = await createNotifier({ name: 'orders', registry: 'tcp://127.0.0.1:1' })
    await orders.notify('42', 'nobody hears this')
    await orders.close()
  `)
  expect(await ended).toEqual({ code: 0, complained: '' })
})

test('a program that ends right after close() has delivered its last message', async () => {
  const run = program(`
    const orders = await createNotifier({ name: 'orders', registry: null })
    console.log(orders.address)
    await orders.ready({ timeoutMs: 10000 })
    for (let n = 0; n < 3000; n++) await orders.notify('42', { n, pad: 'x'.repeat(1000) })
    await orders.close()
    process.exit(0)
  `)
  await until('it is bound', () => run.printed().includes('\n'))
  const gateway = await gatewayStub(run.line(), ['42'])
  expect(await run.ended).toEqual({ code: 0, complained: '' })
  await until('the last one came', () => gateway.heard.length === 3000)
  gateway.close()
  expect(JSON.parse(gateway.heard.at(-1)?.body ?? '')).toMatchObject({ n: 2999 })
})

test('wrong options end a program with a sentence, not with a crash', async () => {
  const { ended } = program(`
    await createNotifier({ name: 'orders', bind: 'tcp://*:*' }).catch(({ code }) => { console.error(code); process.exitCode = 3 })
  `)
  expect(await ended).toEqual({ code: 3, complained: 'notifier.options\n' })
})

test('a program that awaits an acknowledgement lives until it comes, also while nobody is there', async () => {
  const before = await ingestStub()
  before.close()
  const run = program(`
    const orders = createSender({ ingest: '${before.address}' })
    const sending = orders.notify('42', 'kept')
    console.log('waiting')
    const { duplicate } = await sending
    console.log(duplicate)
    await orders.close()
  `)
  await until('it waits', () => run.printed() === 'waiting\n')
  const later = await ingestStub(before.address)
  expect(await run.ended).toEqual({ code: 0, complained: '' })
  later.close()
  expect(run.printed()).toBe('waiting\nfalse\n')
})
