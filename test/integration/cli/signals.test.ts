import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Request } from 'zeromq'
import {
  build,
  KEY,
  PROGRAM,
  type Process,
  startGateway,
  startProcess,
  testConfig,
} from '../../support/gatewayProcess.ts'
import { until } from '../../support/until.ts'

const started: (Process | { stop(): unknown })[] = []

beforeAll(build)
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop()
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s drains the gateway and ends it with exit 0', async (signal) => {
  const gateway = await startGateway()
  started.push(gateway)
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200)
  gateway.signal(signal)
  expect(await gateway.ended).toBe(0)
  expect(gateway.stdout()).toBe(`heraldo ready: ${gateway.url}\n`)
  expect(gateway.stderr()).toBe('')
})

test('a second signal ends it at once, without waiting for whoever is still being served', async () => {
  const gateway = await startGateway()
  started.push(gateway)
  const request = await unfinishedRequest(gateway.port)
  gateway.signal('SIGTERM')
  await until('it takes nobody in', () => refuses(gateway.port))
  gateway.signal('SIGTERM')
  expect(await gateway.ended).toBe(1)
  request.destroy()
})

test('shutdown.timeoutMs is a hard end: exit 1, and one sentence that says so', async () => {
  const gateway = await startGateway({ shutdown: { timeoutMs: 1 } })
  started.push(gateway)
  const request = await unfinishedRequest(gateway.port)
  gateway.signal('SIGTERM')
  expect(await gateway.ended).toBe(1)
  expect(gateway.stderr()).toBe('heraldo: not everything ended within 1 ms (shutdown.timeoutMs)\n')
  request.destroy()
})

test('a taken port is one clear sentence, exit 1', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  started.push({ stop: () => new Promise((resolve) => server.close(resolve)) })
  const address = server.address()
  const port = typeof address === 'object' ? `${address?.port}` : ''
  const { registry } = (await testConfig()).zeromq
  const child = startProcess([PROGRAM, 'start'], {
    env: {
      HERALDO_HTTP_PORT: port,
      HERALDO_ZEROMQ_REGISTRY_REP: registry.rep,
      HERALDO_ZEROMQ_REGISTRY_PUB: registry.pub,
    },
  })
  started.push(child)
  expect(await child.ended).toBe(1)
  expect(child.stderr()).toMatch(new RegExp(`^heraldo: http\\.port.*${port}.* is taken by another program\\.\n$`))
  expect(child.stdout()).not.toContain('ready')
})

test('registry serves the list of notifiers without a gateway, until SIGTERM', async () => {
  const { registry } = (await testConfig()).zeromq
  const child = startProcess([PROGRAM, 'registry'], {
    env: { HERALDO_ZEROMQ_REGISTRY_REP: registry.rep, HERALDO_ZEROMQ_REGISTRY_PUB: registry.pub },
  })
  started.push(child)
  await until('the registry is ready', () => child.stdout().includes('registry ready'))
  const socket = new Request({ linger: 0, receiveTimeout: 5_000 })
  socket.connect(registry.rep)
  await socket.send('{"type":"add-publisher","address":"tcp://127.0.0.1:20199"}')
  const [answer] = await socket.receive()
  socket.close()
  expect(`${answer}`).toBe('["tcp://127.0.0.1:20199"]')
  child.signal('SIGTERM')
  expect(await child.ended).toBe(0)
})

test('a rejection that nobody handles harms nobody; an exception that nobody caught drains and ends with exit 1', async () => {
  const child = startProcess([
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    `import { Events } from './src/core/events.ts'
     import { runUntilSignal } from './src/cli/runUntilSignal.ts'
     const events = new Events()
     events.on('gateway.failed', ({ during, error }) => console.log(during, error.message))
     setTimeout(() => Promise.reject(new Error('one')), 50)
     setTimeout(() => { throw new Error('two') }, 100)
     await runUntilSignal(1000, async () => ({ events, stop: async () => console.log('drained') }))`,
  ])
  started.push(child)
  expect(await child.ended).toBe(1)
  expect(child.stdout()).toBe('unhandledRejection one\nuncaughtException two\ndrained\n')
})

/** A client that never finishes what it says: a gateway that drains waits for it a while. */
async function unfinishedRequest(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const head = ['POST /v1/notify HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', 'Content-Length: 10']
  socket.write([...head, `Authorization: Bearer ${KEY}`, 'Expect: 100-continue', '', ''].join('\r\n'))
  const [answer] = await once(socket, 'data')
  expect(`${answer}`).toMatch(/^HTTP\/1\.1 100 /)
  return socket
}

function refuses(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', () => resolve(true))
  })
}
