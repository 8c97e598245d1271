import { connect } from 'node:net'
import { openPorts, type Ports } from '../../../src/http/ports.ts'
import { freePort } from '../../support/redisServer.ts'
import { json } from './runningApp.ts'

const options = { host: '127.0.0.1', port: 0, tls: null, internal: null, origins: null }
const opened: Ports[] = []
afterEach(async () => {
  for (const ports of opened.splice(0)) await ports.close()
})

async function open(parts: Partial<Parameters<typeof openPorts>[0]> = {}): Promise<Ports> {
  const ports = await openPorts({ ...options, ...parts })
  opened.push(ports)
  return ports
}

test('who comes before the gateway can answer is asked to come again, on both ports', async () => {
  const internal = `127.0.0.1:${await freePort()}`
  const ports = await open({ internal })
  for (const url of [ports.url, `http://${internal}`]) {
    const early = await fetch(`${url}/healthz`)
    expect([early.status, await json(early)]).toEqual([
      503,
      { error: { code: 'api.unready', message: expect.any(String), retry: true } },
    ])
  }
  ports.serve(
    (_request, response) => response.end('public'),
    (_request, response) => response.end('internal'),
  )
  expect(await (await fetch(ports.url)).text()).toBe('public')
  expect(await (await fetch(`http://${internal}`)).text()).toBe('internal')
})

test('the internal port may stand at an IPv6 address', async () => {
  const port = await freePort()
  await open({ internal: `[::1]:${port}` })
  const socket = connect(port, '::1')
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.destroy()
})

test('when one of the two ports is taken the other is let go', async () => {
  const taken = await open()
  const { port } = new URL(taken.url)
  const other = await freePort()
  await expect(open({ port: other, internal: `127.0.0.1:${port}` })).rejects.toThrow(/^http\.internal: port/)
  await expect(open({ port: Number(port), internal: `127.0.0.1:${other}` })).rejects.toThrow(/^http\.port: port/)
  await open({ port: other })
})
