import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { Socket as TcpSocket } from 'node:net'
import { jest } from '@jest/globals'
import fc from 'fast-check'
import { EVERYONE, userAddress } from '../../../src/core/address.ts'
import type { Connection } from '../../../src/core/ports.ts'
import type { ClientEvents } from '../../../src/socketio/clientEvents.ts'
import { Tab } from '../../../src/socketio/tab.ts'
import { SOCKETIO_LIMITS } from '../../../src/socketio/transport.ts'
import { Wire } from '../../../src/socketio/wire.ts'
import { fuzz } from '../../support/fuzz.ts'
import { type Browser, browse, CLIENTS, closeTab, type RawClient, rawClient } from '../../support/socketioClients.ts'
import { type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

let server: SocketioServer
afterEach(() => server.stop())

const LARGE = 'x'.repeat(60_000)
const LIMITS = { ...SOCKETIO_LIMITS, maxQueuedBytes: 1e9, maxQueuedPackets: 1e9, eventsPerSecond: 0 }
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

/** What Engine.IO and ws keep to themselves, as far as these tests look at it. */
interface Engine extends NodeJS.EventEmitter {
  readonly server: { readonly opts: { pingInterval: number } }
  readonly transport: { readonly name: string; readonly socket: { readonly _socket: TcpSocket; close(): void } }
}

function engineOf(connection: Connection): Engine {
  if (!(connection instanceof Tab)) throw new Error('it is no tab')
  return connection.socket.conn as unknown as Engine
}

const tcpOf = (connection: Connection) => engineOf(connection).transport.socket._socket

/** Counts what takes the public way out over WebSockets. */
function countPublic(): { frames: number } {
  const count = { frames: 0 }
  server.lobby.onOpen = (connection) => {
    const engine = engineOf(connection)
    engine.on('packetCreate', ({ options }: { options: object }) => {
      if ('wsPreEncodedFrame' in options && engine.transport.name === 'websocket') count.frames++
    })
  }
  return count
}

/** Every number once and in order, and whatever else was said stands between the same numbers at everybody. */
function expectInOrder(heard: readonly { event: string; args: unknown[] }[], last: number): void {
  let next: number | undefined
  for (const { event, args } of heard) {
    const number = numberIn(event, args[0])
    if (number === 0) continue
    if (next !== undefined && event === 'notification') expect(number).toBe(next)
    else if (next !== undefined) expect([event, number]).toEqual([event, next - 1])
    next = number + 1
  }
  expect(next).toBe(last + 1)
}

/** Notifications are numbered; what else is said tells how many have been by then. */
function numberIn(event: string, arg: unknown): number {
  if (event === 'notification') return (arg as { n: number }).n
  if (event === 'hello') return (arg as { position: { seq: number } }).position.seq
  if (event === 'inbox') return (arg as { rev: number }).rev
  return arg as number
}

const messagesOf = ({ messages }: RawClient) =>
  messages
    .filter((message) => message.startsWith('42'))
    .map((message) => {
      const [event, ...args] = JSON.parse(message.slice(2)) as [string, ...unknown[]]
      return { event, args }
    })

const STEPS = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ step: fc.constant('say' as const), times: fc.integer({ min: 1, max: 20 }) }) },
    {
      weight: 8,
      arbitrary: fc.record({ step: fc.constantFrom('turn', 'pause', 'ask', 'greet', 'report', 'sayMuch', 'stall') }),
    },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('upgrade' as const) }) },
  ),
  { minLength: 100, maxLength: 200, size: 'max' },
)

test('whatever way each notification takes, everybody hears each once and in order, among everything else that is said (fuzz)', async () => {
  let publicly = 0
  let heardOverWebSockets = 0
  await fuzz(
    fc.asyncProperty(STEPS, async (steps) => {
      let said = 0
      const handlers: ClientEvents = new Map([['how many', () => ({ said })]])
      server = await startSocketio({ handlers, limits: LIMITS })
      const count = countPublic()
      const browsers: Browser[] = []
      const connect = async (transports: string[], open = CLIENTS['4.8']) => {
        const browser = await browse(server.url, '42', { transports }, open)
        browser.socket.on('inbox', (...args: unknown[]) => void browser.heard.push({ event: 'inbox', args }))
        browsers.push(browser)
        return browser
      }
      const first = await connect(['websocket'])
      // From now on Engine.IO's own pings come in between.
      engineOf(server.lobby.connectionOf('42')).server.opts.pingInterval = 3
      await Promise.all([
        connect(['websocket']),
        connect(['polling']),
        ...Object.values(CLIENTS).map((open) => connect(['polling', 'websocket'], open)),
        connect(['websocket'], CLIENTS['3.1']),
        connect(['polling'], CLIENTS['3.1']),
      ])
      const stalling = await rawClient(server.port, '42')
      await until('all are here', () => server.lobby.hub.size === browsers.length + 1)
      const here = () => server.lobby.hub.at(EVERYONE)[0]?.connections ?? []
      const upgrades: Promise<unknown>[] = []
      const hello = { user: { id: '42' }, connection: '', mode: 'fresh' } as const
      const counts = { unread: 0, unseen: 0, rev: 0 }

      for (const each of steps) {
        if (each.step === 'say') for (let i = 0; i < each.times; i++) server.notify('42', `{"n":${++said}}`)
        else if (each.step === 'sayMuch')
          for (let i = 0; i < 10; i++) server.notify('42', `{"n":${++said},"text":"${LARGE}"}`)
        else if (each.step === 'report') server.transport.report(here(), { epoch: 'e', rev: said, counts, changes: [] })
        else if (each.step === 'greet')
          for (const one of here())
            server.transport.greet(one, { ...hello, position: { epoch: 'e', seq: said }, counts })
        else if (each.step === 'ask')
          for (const { socket, heard } of browsers)
            socket.emit('how many', 1, (reply: { said: number }) => {
              heard.push({ event: 'ack', args: [reply.said] })
            })
        else if (each.step === 'stall') stalling.ws.isPaused ? stalling.ws.resume() : stalling.ws.pause()
        else if (each.step === 'upgrade') upgrades.push(connect(['polling', 'websocket']))
        else if (each.step === 'turn') await nextTurn()
        else await new Promise((resolve) => setTimeout(resolve, 2))
      }

      stalling.ws.resume()
      await Promise.all(upgrades)
      server.notify('42', `{"n":${++said}}`)
      const isLast = (body: unknown) => (body as { n: number } | undefined)?.n === said
      await until('all have heard the last', () => browsers.every(({ bodies }) => isLast(bodies.at(-1))))
      await until(
        'the stalling one, too',
        () => messagesOf(stalling).at(-1)?.args[0] !== undefined && isLast(messagesOf(stalling).at(-1)?.args[0]),
      )
      for (const { heard } of browsers) expectInOrder(heard, said)
      expectInOrder(messagesOf(stalling), said)
      expect(browsers.flatMap(({ disconnects }) => disconnects)).toEqual([])
      expect(first.bodies).toHaveLength(said)
      expect(stalling.messages.filter((message) => message === '2').length).toBeGreaterThan(0)

      publicly += count.frames
      heardOverWebSockets += said * 3
      stalling.ws.terminate()
      await Promise.all(browsers.map(closeTab))
      await server.stop()
    }),
    0.003,
  )
  // It did take both.
  expect(publicly).toBeGreaterThan(0)
  expect(publicly).toBeLessThan(heardOverWebSockets)
}, 120_000)

describe('a browser on a WebSocket', () => {
  const openTwo = async (fast?: boolean) => {
    server = await startSocketio(fast === undefined ? {} : { fast })
    const count = countPublic()
    const browsers = [await browse(server.url, '42'), await browse(server.url, '42')]
    await nextTurn()
    return { count, browsers }
  }

  test.each([
    ['past Engine.IO', undefined, 0],
    ['through Engine.IO, where the way past it is switched off', false, 12],
  ] as const)('hears %s', async (_, fast, frames) => {
    const { count, browsers } = await openTwo(fast)
    for (let said = 1; said <= 6; said++) {
      server.notify('42', `{"n":${said}}`)
      await until('both have heard', () => browsers.every(({ bodies }) => bodies.length === said))
    }
    expect(count.frames).toBe(frames)
    await Promise.all(browsers.map(closeTab))
  })

  test('is written to once in a turn, however much there is to say', async () => {
    const { browsers } = await openTwo()
    const [group] = server.lobby.hub.at(userAddress('42'))
    const writes = (group?.connections ?? []).map((connection) => jest.spyOn(tcpOf(connection), 'write'))
    for (let n = 1; n <= 50; n++) server.notify('42', `{"n":${n}}`)
    await until('both have heard', () => browsers.every(({ bodies }) => bodies.length === 50))
    for (const { heard } of browsers) expectInOrder(heard, 50)
    expect(writes.map((write) => write.mock.calls.length)).toEqual([1, 1])
    await Promise.all(browsers.map(closeTab))
  })

  test.each([
    ['its socket breaks', (connection: Connection) => tcpOf(connection).destroy()],
    ['its socket is about to end', (connection: Connection) => tcpOf(connection).end()],
    ['its WebSocket is about to close', (connection: Connection) => engineOf(connection).transport.socket.close()],
  ])('harms nobody when %s after a notification was taken for it, and before it left', async (_, happens) => {
    const { browsers } = await openTwo()
    const [leaver, stayer] = browsers
    const [connection] = server.lobby.hub.at(userAddress('42'))[0]?.connections ?? []
    if (leaver === undefined || stayer === undefined || connection === undefined) throw new Error('not here')
    leaver.socket.io.reconnection(false)
    server.notify('42', '{"n":1}')
    happens(connection)
    const write = jest.spyOn(tcpOf(connection), 'write')
    server.notify('42', '{"n":2}')
    await until('it is gone', () => server.lobby.hub.size === 1)
    expect(write).not.toHaveBeenCalled()
    server.notify('42', '{"n":3}')
    await until('the other hears all', () => stayer.bodies.length === 3)
    expectInOrder(stayer.heard, 3)
    expect(stayer.disconnects).toEqual([])
    await Promise.all(browsers.map(closeTab))
  })

  test('hears what was said before it is sent away as too slow in the same turn', async () => {
    server = await startSocketio()
    const raw = await rawClient(server.port, '42')
    await until('it is here', () => raw.messages.length === 3)
    server.notify('42', '{"n":1}')
    server.transport.dismiss(server.lobby.connectionOf('42'), { code: 'slow', retryInMs: 0 })
    await until('it is closed', () => raw.closeCode !== undefined)
    expect(messagesOf(raw).map(({ event }) => event)).toEqual(['hello', 'notification', 'bye'])
  })

  test('harms nobody when it vanishes in the middle of a storm', async () => {
    server = await startSocketio()
    const stayer = await browse(server.url, '42')
    let said = 0
    for (let round = 0; round < 20; round++) {
      const raw = await rawClient(server.port, '42')
      await until('it is here', () => server.lobby.hub.size === 2)
      raw.ws.terminate()
      while (server.lobby.hub.size === 2) {
        for (let i = 0; i < 5; i++) server.notify('42', `{"n":${++said}}`)
        await nextTurn()
      }
    }
    server.notify('42', `{"n":${++said}}`)
    await until('the other has heard all', () => stayer.bodies.length === said)
    expectInOrder(stayer.heard, said)
    await closeTab(stayer)
  })
})

test('a browser that stops reading among small notifications is cut at the bound, in the middle of a frame', async () => {
  server = await startSocketio()
  const stuck = await rawClient(server.port, '42')
  const swift = await browse(server.url, '42')
  await until('both are here', () => server.lobby.hub.size === 2)
  stuck.ws.pause()
  const text = 'x'.repeat(1_000)
  let said = 0
  while (server.lobby.hub.size === 2) {
    for (let i = 0; i < 100; i++) server.notify('42', `{"n":${++said},"text":"${text}"}`)
    await until('the swift one has them', () => swift.bodies.length === said)
  }
  const [slow] = server.heard('client.slow')
  expect(slow?.lost).toBeLessThan(SOCKETIO_LIMITS.maxQueuedBytes / text.length + 100)
  stuck.ws.resume()
  await until('it is closed', () => stuck.closeCode !== undefined)
  const heard = messagesOf(stuck)
  expect(heard.pop()).toEqual({ event: 'bye', args: [{ code: 'slow', retryInMs: expect.any(Number) }] })
  expectInOrder(heard, heard.length - 1)
  expectInOrder(swift.heard, said)
  await closeTab(swift)
})

test('over TLS everything takes the public way, in order', async () => {
  const pem = readFileSync('test/fixtures/localhost.pem')
  server = await startSocketio({ server: createServer({ key: pem, cert: pem }) })
  const count = countPublic()
  const browser = await browse(server.url.replace('http', 'https'), '42', { rejectUnauthorized: false })
  for (let n = 1; n <= 1_000; n++) {
    server.notify('42', `{"n":${n}}`)
    if (n % 7 === 0) await nextTurn()
  }
  await until('all are here', () => browser.bodies.length === 1_000)
  expectInOrder(browser.heard, 1_000)
  expect(count.frames).toBe(1_000)
  await closeTab(browser)
})

test('where Engine.IO or ws look otherwise inside, there is no way past them', async () => {
  server = await startSocketio()
  const browser = await browse(server.url, '42')
  const engine: object = engineOf(server.lobby.connectionOf('42'))
  expect(Wire.under(engine)).not.toBeNull()
  /** The same object, with another value at this path. */
  const altered = (it: object, [name = '', ...more]: readonly string[], value: unknown): object => {
    const before: unknown = Reflect.get(it, name)
    const now = more.length === 0 ? value : altered(before as object, more, value)
    return new Proxy(it, {
      get: (_, key) => (key === name ? now : Reflect.get(it, key)),
      has: (_, key) => (key === name ? now !== undefined : Reflect.has(it, key)),
    })
  }
  for (const path of [
    'readyState',
    'upgrading',
    'writeBuffer',
    'transport',
    'transport.writable',
    'transport.perMessageDeflate',
    'transport.socket',
    'transport.socket.readyState',
    'transport.socket.extensions',
    'transport.socket.bufferedAmount',
    'transport.socket._socket',
    'transport.socket._sender',
    'transport.socket._sender._socket',
  ])
    expect([path, Wire.under(altered(engine, path.split('.'), undefined))]).toEqual([path, null])
  // Compressed frames come from elsewhere.
  expect(Wire.under(altered(engine, ['transport', 'perMessageDeflate'], { threshold: 1 }))).toBeNull()
  expect(Wire.under(altered(engine, ['transport', 'socket', 'extensions'], 'permessage-deflate'))).toBeNull()
  await closeTab(browser)
})
