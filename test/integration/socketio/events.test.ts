import { GatewayError } from '../../../src/core/errors.ts'
import type { ClientEvents } from '../../../src/socketio/clientEvents.ts'
import { type Browser, browse, CLIENTS, rawClient } from '../../support/socketioClients.ts'
import { type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

const circular: Record<string, unknown> = {}
circular['self'] = circular

const HANDLERS: ClientEvents = new Map(
  Object.entries({
    weigh: (_connection, payload) => ({ bytes: (payload as { file: Uint8Array }).file.length }),
    echo: (connection, payload) => ({ user: connection.session.user.id, payload }),
    later: async () => ({ done: true }),
    throws: () => {
      throw new TypeError('a secret of the inside')
    },
    rejects: async () => {
      throw new TypeError('a secret of the inside')
    },
    refuses: () => {
      throw new GatewayError('event.invalid', { message: 'Say it otherwise.' })
    },
    unprintable: () => circular,
  } satisfies Record<string, ClientEvents extends ReadonlyMap<string, infer Handler> ? Handler : never>),
)

const rejections: unknown[] = []
const onRejection = (reason: unknown) => void rejections.push(reason)
let server: SocketioServer
let browser: Browser

beforeEach(async () => {
  rejections.length = 0
  process.on('unhandledRejection', onRejection)
  server = await startSocketio({ handlers: HANDLERS })
  browser = await browse(server.url, '42')
})
afterEach(async () => {
  browser.socket.disconnect()
  await server.stop()
  process.off('unhandledRejection', onRejection)
  expect(rejections).toEqual([])
})

const ask = (event: string, ...payload: unknown[]): Promise<unknown> =>
  browser.socket.timeout(5_000).emitWithAck(event, ...payload)

describe('what a browser asks', () => {
  test('is answered in the ack, at once or later', async () => {
    expect(await ask('echo', { a: [1] })).toEqual({ ok: true, user: '42', payload: { a: [1] } })
    expect(await ask('later')).toEqual({ ok: true, done: true })
  })

  test.each(['nonsense', '__proto__', 'constructor', 'error', 'message', 'hello', 'notification'])(
    'is refused with a code when there is no such event: %s',
    async (event) => {
      expect(await ask(event, 1)).toEqual({ ok: false, error: new GatewayError('event.unknown').toPublic() })
      expect(server.heard('client.refused')).toMatchObject([{ code: 'event.unknown' }])
    },
  )

  test('is refused when it does not have the shape of an event', async () => {
    expect(await ask('echo', 1, 2)).toMatchObject({ ok: false, error: { code: 'event.invalid' } })
    expect(await ask('refuses')).toMatchObject({
      ok: false,
      error: { code: 'event.invalid', message: 'Say it otherwise.', retry: false },
    })
  })

  test.each(['throws', 'rejects', 'unprintable'])(
    'is "internal" when a handler %s, the operator hears of it, and the process lives',
    async (event) => {
      expect(await ask(event)).toEqual({ ok: false, error: new GatewayError('internal').toPublic() })
      expect(server.heard('gateway.failed')).toMatchObject([{ during: `the event ${event}` }])
      expect(await ask('echo')).toMatchObject({ ok: true })
    },
  )

  test('harms nobody without an ack', async () => {
    for (const event of ['echo', 'throws', 'rejects', 'refuses', 'nonsense']) browser.socket.emit(event, 'x')
    expect(await ask('later')).toEqual({ ok: true, done: true })
  })

  test('harms nobody with binary attachments, on their own or among many', async () => {
    const attachments = Array.from({ length: 10 }, () => Buffer.from([1, 2, 3]))
    browser.socket.emit('nonsense', ...attachments)
    expect(await ask('weigh', { file: Buffer.from('hi') })).toEqual({ ok: true, bytes: 2 })
  })

  test('is heard by no handler after the browser was sent away', async () => {
    const raw = await rawClient(server.port, '43')
    await until('it is here', () => server.lobby.hub.size === 2)
    server.transport.dismiss(server.lobby.connectionOf('43'), { code: 'revoked', retryInMs: 0 })
    raw.ws.send('420["throws"]')
    await until('it is closed', () => raw.closeCode !== undefined)
    expect(server.heard('gateway.failed')).toEqual([])
  })
})

describe('a browser that overdoes it', () => {
  test('hears "limit.rate" beyond the burst, and may go on when it has waited', async () => {
    const answers = await Promise.all(Array.from({ length: 25 }, () => ask('echo')))
    expect(answers.filter((answer) => (answer as { ok: boolean }).ok)).toHaveLength(20)
    expect(answers.at(-1)).toEqual({ ok: false, error: new GatewayError('limit.rate').toPublic() })
    server.clock.advance(1_000)
    const more = await Promise.all(Array.from({ length: 11 }, () => ask('echo')))
    expect(more.map((answer) => (answer as { ok: boolean }).ok)).toEqual([...Array<boolean>(10).fill(true), false])
    expect(browser.byes).toEqual([])
  })

  test('hears "bye limit" when it goes on all the same, and stays away', async () => {
    const other = await browse(server.url, '43')
    for (let i = 0; i < 60; i++) browser.socket.emit('echo', i)
    await until('it was sent away', () => browser.disconnects.length === 1)
    expect(browser.byes).toEqual([{ code: 'limit', retryInMs: 0 }])
    expect(browser.disconnects).toEqual(['io server disconnect'])
    expect(server.heard('client.refused')).toHaveLength(20)
    expect(other.disconnects).toEqual([])
    other.socket.disconnect()
  })

  test('is sent away at the twentieth unknown event in a minute', async () => {
    for (let i = 0; i < 19; i++) await ask('nonsense')
    expect(browser.byes).toEqual([])
    browser.socket.emit('nonsense')
    await until('it was sent away', () => browser.byes.length === 1)
    expect(browser.byes[0]?.code).toBe('limit')
  })

  test('with unknown events now and then is not sent away', async () => {
    for (let i = 0; i < 60; i++) {
      await ask('nonsense')
      server.clock.advance(3_000)
    }
    expect(browser.byes).toEqual([])
  })

  test.each([
    ['foreign namespaces', '40/x,'],
    ['answers that nobody asked for', '430[]'],
  ])('is cut when it floods with %s, before or after it was admitted', async (_, message) => {
    for (const token of [undefined, '43']) {
      const raw = await rawClient(server.port, token)
      for (let i = 0; i < 500; i++) raw.ws.send(message)
      await until('it is cut', () => raw.closeCode !== undefined)
      expect(raw.messages.length).toBeLessThan(250)
    }
    expect(browser.socket.connected).toBe(true)
  })
})

describe('a message that nobody may send', () => {
  test.each(Object.entries(CLIENTS))(
    'larger than 64 KB closes the connection of a %s client alone',
    async (_, open) => {
      const other = await browse(server.url, '43', {}, open)
      other.socket.emit('echo', 'x'.repeat(70_000))
      await until('it was closed and is back', () => other.hellos.length === 2)
      expect(other.disconnects).toHaveLength(1)
      expect(browser.disconnects).toEqual([])
      other.socket.disconnect()
    },
  )

  test('closes with 1009 when it is too large', async () => {
    const raw = await rawClient(server.port, '43')
    raw.ws.send(`42["echo","${'x'.repeat(65_536)}"]`)
    await until('it is closed', () => raw.closeCode !== undefined)
    expect(raw.closeCode).toBe(1009)
  })

  test.each([
    ['an event whose name is an object', '42[{}]'],
    ['an event with a reserved name', '42["disconnect"]'],
    ['a second CONNECT', '40{"token":"44"}'],
    ['a refusal of its own', '44{"message":"no"}'],
    ['eleven attachments', '4511-["echo"]'],
    ['an unknown kind of packet', '49'],
    ['half a JSON', '42["echo"'],
    ['attachments that never come', '451-["echo",{"_placeholder":true,"num":5}]'],
  ])('closes the connection, and nothing else: %s', async (_, message) => {
    const raw = await rawClient(server.port, '43')
    await until('it is here', () => server.lobby.hub.size === 2)
    raw.ws.send(message)
    raw.ws.send('42["echo"]')
    await until('it is closed', () => raw.closeCode !== undefined)
    await until('its place is free', () => server.lobby.hub.size === 1)
    expect(await ask('later')).toEqual({ ok: true, done: true })
  })

  test('a browser that leaves the namespace and keeps its connection is closed: nobody would count it', async () => {
    const raw = await rawClient(server.port, '43')
    await until('it is here', () => server.lobby.hub.size === 2)
    raw.ws.send('41')
    await until('it is closed', () => raw.closeCode !== undefined)
    expect(server.lobby.left).toMatchObject([{ reason: 'client namespace disconnect' }])
  })
})
