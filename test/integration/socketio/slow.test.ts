import { SOCKETIO_LIMITS } from '../../../src/socketio/transport.ts'
import { browse, rawClient, rawPolling } from '../../support/socketioClients.ts'
import { type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

let server: SocketioServer
afterEach(() => server.stop())

const LARGE = JSON.stringify('x'.repeat(60_000))
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

test('a browser that stops reading is cut at the bound, while others are served and memory stays flat', async () => {
  server = await startSocketio()
  const stuck = await rawClient(server.port, '42')
  const swift = await browse(server.url, '42')
  await until('both are here', () => server.lobby.hub.size === 2)
  stuck.ws.pause()
  const before = process.memoryUsage().arrayBuffers
  let peak = 0
  // 60 MB, of which the stuck one's queue may hold 1 MB beside what the kernel takes.
  for (let round = 1; round <= 200; round++) {
    for (let i = 0; i < 5; i++) server.notify('42', LARGE)
    await until('the swift one has them', () => swift.bodies.length === round * 5)
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)
  }
  expect(server.lobby.left).toEqual([{ connection: expect.anything(), reason: 'slow' }])
  const [slow] = server.heard('client.slow')
  expect(slow).toEqual({ connection: server.lobby.left[0]?.connection.id, user: '42', lost: expect.any(Number) })
  expect(slow?.lost).toBeGreaterThanOrEqual(1)
  // The bound in notifications, and those of the round in which it was passed.
  expect(slow?.lost).toBeLessThanOrEqual(SOCKETIO_LIMITS.maxQueuedBytes / LARGE.length + 5)
  expect(peak).toBeLessThan(32 * 1024 * 1024)
  expect(swift.disconnects).toEqual([])
  swift.socket.disconnect()
  stuck.ws.terminate()
})

test('a browser that was cut and reads again finds "bye slow" and a closed transport, so it comes back', async () => {
  server = await startSocketio()
  const stuck = await rawClient(server.port, '42')
  await until('it is here', () => server.lobby.hub.size === 1)
  stuck.ws.pause()
  while (server.lobby.hub.size === 1) {
    server.notify('42', LARGE)
    await nextTurn()
  }
  stuck.ws.resume()
  await until('it is closed', () => stuck.closeCode !== undefined)
  const bye = stuck.messages.at(-1) ?? ''
  expect(JSON.parse(bye.slice(2))).toEqual(['bye', { code: 'slow', retryInMs: expect.any(Number) }])
  // No Socket.IO disconnect packet, which would tell it to stay away.
  expect(stuck.messages).not.toContain('41')
})

test('a burst in one go, far beyond the bound, cuts nobody who reads', async () => {
  server = await startSocketio()
  const browser = await browse(server.url, '42')
  for (let i = 0; i < 100; i++) server.notify('42', LARGE)
  await until('all are here', () => browser.bodies.length === 100)
  expect([server.heard('client.slow'), browser.disconnects]).toEqual([[], []])
  browser.socket.disconnect()
})

test('many small notifications are bounded by their number', async () => {
  server = await startSocketio({ limits: { ...SOCKETIO_LIMITS, maxQueuedPackets: 100 } })
  await idlePolling('42')
  for (let i = 0; i < 100; i++) server.notify('42', '1')
  await nextTurn()
  await nextTurn()
  expect(server.lobby.hub.size).toBe(1)
  server.notify('42', '1')
  await until('it is cut', () => server.lobby.hub.size === 0)
  expect(server.heard('client.slow')).toMatchObject([{ user: '42', lost: 101 }])
})

test('one notification larger than the bound still reaches a browser that waits for it', async () => {
  server = await startSocketio({ limits: { ...SOCKETIO_LIMITS, maxQueuedBytes: 10_000 } })
  const browser = await browse(server.url, '42')
  for (let said = 1; said <= 5; said++) {
    server.notify('42', LARGE)
    await until('it is here', () => browser.bodies.length === said)
  }
  expect(server.heard('client.slow')).toEqual([])
  browser.socket.disconnect()
})

test('a browser that polls no more is cut at the same bound', async () => {
  server = await startSocketio()
  const poll = await idlePolling('42')
  const enough = Math.ceil(SOCKETIO_LIMITS.maxQueuedBytes / LARGE.length)
  for (let i = 0; i <= enough; i++) server.notify('42', LARGE)
  await until('it is cut', () => server.lobby.hub.size === 0)
  expect(server.heard('client.slow')).toHaveLength(1)
  // Its next request tells the client library to connect anew.
  expect((await fetch(poll)).status).toBe(400)
})

test('what is on its way to a browser counts, as long as nobody knows that it arrived', async () => {
  server = await startSocketio({ limits: { ...SOCKETIO_LIMITS, maxQueuedBytes: LARGE.length * 5 } })
  const poll = await idlePolling('42')
  for (let i = 0; i < 4; i++) server.notify('42', LARGE)
  await fetch(poll)
  for (let i = 0; i < 4; i++) server.notify('42', LARGE)
  await until('it is cut', () => server.lobby.hub.size === 0)
  expect(server.heard('client.slow')).toMatchObject([{ lost: 4 }])
})

test('writing closes nothing before it returns', async () => {
  server = await startSocketio({ limits: { ...SOCKETIO_LIMITS, maxQueuedPackets: 1 } })
  await idlePolling('42')
  for (let i = 0; i < 10; i++) server.notify('42', '1')
  expect(server.lobby.hub.size).toBe(1)
  await until('it is cut', () => server.lobby.hub.size === 0)
  expect(server.heard('client.slow')).toHaveLength(1)
})

test('the gateway itself may send a browser away as too slow', async () => {
  server = await startSocketio()
  const browser = await browse(server.url, '42')
  server.transport.dismiss(server.lobby.connectionOf('42'), { code: 'slow', retryInMs: 0 })
  await until('it is back', () => browser.hellos.length === 2)
  expect(browser.byes).toMatchObject([{ code: 'slow' }])
  browser.socket.disconnect()
})

/** A long-polling browser that was greeted, and asks for nothing more. Returns the address that it would poll. */
async function idlePolling(user: string): Promise<string> {
  const poll = `${server.url}/socket.io/?EIO=4&transport=polling&sid=${await rawPolling(server.url)}`
  await fetch(poll, { method: 'POST', body: `40${JSON.stringify({ token: user })}` })
  await until('it is here', () => server.lobby.hub.size === 1)
  await fetch(poll)
  return poll
}
