import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { GatewayError } from '../../../src/core/errors.ts'
import { SOCKETIO_LIMITS } from '../../../src/socketio/transport.ts'
import { browse, CLIENTS, closeTab, type RawClient, rawClient, rawPolling } from '../../support/socketioClients.ts'
import { PAGE, type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

let server: SocketioServer
afterEach(() => server.stop())

describe('who may connect', () => {
  const polling = (headers: Record<string, string> = {}) =>
    fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers })
  const upgrade = (headers: Record<string, string> = {}) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const request = get(`${server.url}/socket.io/?EIO=4&transport=websocket`, {
        headers: { ...UPGRADE, ...headers },
      })
      request.on('upgrade', (_, socket) => {
        socket.destroy()
        resolve({ status: 101, body: '' })
      })
      request.on('response', (response) => {
        text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
      })
      request.on('error', reject)
    })

  test('a page of a foreign origin is refused with 403 on both transports, whatever cookie it brings', async () => {
    server = await startSocketio()
    const headers = { Origin: 'https://evil.example', Cookie: 'notifsess=stolen' }
    const [first, second] = [await polling(headers), await upgrade(headers)]
    expect([first.status, second.status]).toEqual([403, 403])
    const error = { code: 'origin.forbidden', message: new GatewayError('origin.forbidden').message, retry: false }
    expect(await first.json()).toEqual({ error })
    expect(JSON.parse(second.body)).toEqual({ error })
    const fact = { transport: 'socketio', remoteAddress: '127.0.0.1', code: 'origin.forbidden', reason: undefined }
    expect(server.heard('connection.refused')).toEqual([fact, fact])
    expect(server.lobby.handshakes).toEqual([])
  })

  test.each(['https://app.example.evil.example', 'http://app.example', 'https://app.example:8443', 'null', ''])(
    'an origin that only resembles an allowed one is refused: %p',
    async (origin) => {
      server = await startSocketio()
      expect((await upgrade({ Origin: origin })).status).toBe(403)
      expect((await polling({ Origin: origin })).status).toBe(403)
    },
  )

  test('a page of an allowed origin is admitted on both transports, and may send its cookie', async () => {
    server = await startSocketio()
    expect((await upgrade({ Origin: PAGE })).status).toBe(101)
    const answer = await polling({ Origin: PAGE })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe(PAGE)
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
  })

  test('a client without an Origin is no page, and passes', async () => {
    server = await startSocketio()
    expect((await upgrade()).status).toBe(101)
    expect((await polling()).status).toBe(200)
  })

  test('a tag in a page of another site brings the cookie and no Origin, and is refused', async () => {
    server = await startSocketio()
    for (const site of ['cross-site', 'same-site']) {
      expect((await polling({ 'Sec-Fetch-Site': site })).status).toBe(403)
      expect((await upgrade({ 'Sec-Fetch-Site': site })).status).toBe(403)
    }
    for (const site of ['same-origin', 'none']) expect((await polling({ 'Sec-Fetch-Site': site })).status).toBe(200)
    expect((await polling({ 'Sec-Fetch-Site': 'cross-site', Origin: PAGE })).status).toBe(200)
  })

  test('nothing is ever answered as a script (JSONP): any page could run and read it', async () => {
    server = await startSocketio()
    const sid = await rawPolling(server.url)
    for (const query of ['j=0', 'j', `sid=${sid}&j=0`]) {
      const answer = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling&${query}`)
      expect(answer.status).toBe(403)
      expect(answer.headers.get('content-type')).toBe('application/json')
      expect(await answer.json()).toMatchObject({ error: { code: 'origin.forbidden' } })
    }
  })

  test.each(['GET', 'POST'])(
    'a page of a foreign origin that knows a session id may not %s with it',
    async (method) => {
      server = await startSocketio()
      const poll = `${server.url}/socket.io/?EIO=4&transport=polling&sid=${await rawPolling(server.url)}`
      const body = method === 'POST' ? '40{"token":"42"}' : null
      const answer = await fetch(poll, { method, body, headers: { Origin: 'https://evil.example' } })
      expect([answer.status, await answer.json()]).toMatchObject([403, { error: { code: 'origin.forbidden' } }])
      expect((await fetch(poll, { method: 'POST', body: '40{"token":"43"}', headers: { Origin: PAGE } })).status).toBe(
        200,
      )
      await until('the session goes on', () => server.lobby.hub.size === 1)
      expect(server.lobby.handshakes.map(({ token }) => token)).toEqual(['43'])
    },
  )

  test('a session id that nobody was given is no way past the check', async () => {
    server = await startSocketio()
    const foreign = { headers: { Origin: 'https://evil.example' } }
    const go = (query: string) => fetch(`${server.url}/socket.io/?EIO=4&transport=polling&${query}`, foreign)
    for (const query of ['sid=guess', 'sid=', 'sid=guess&sid=']) expect((await go(query)).status).toBe(403)
    expect(server.lobby.handshakes).toEqual([])
  })

  test('the client library is served only when that is wanted', async () => {
    server = await startSocketio({ serveClient: true })
    const served = await fetch(`${server.url}/socket.io/socket.io.js`)
    expect([served.status, (await served.text()).includes('Socket.IO v4')]).toEqual([200, true])
    await server.stop()
    server = await startSocketio()
    expect((await fetch(`${server.url}/socket.io/socket.io.js`)).status).toBe(400)
  })

  test('clients of Socket.IO 2 are told that their protocol is not spoken here', async () => {
    server = await startSocketio()
    const answer = await fetch(`${server.url}/socket.io/?EIO=3&transport=polling`)
    expect([answer.status, await answer.json()]).toEqual([400, { code: 5, message: 'Unsupported protocol version' }])
  })

  test.each([undefined, '42'])(
    'a CONNECT to a namespace other than "/" is answered once, and closed (%p)',
    async (token) => {
      server = await startSocketio({ limits: { ...SOCKETIO_LIMITS, connectTimeoutMs: 60_000 } })
      const client = await rawClient(server.port, token)
      if (token !== undefined) await until('it is here', () => server.lobby.hub.size === 1)
      for (let i = 0; i < 3; i++) client.ws.send('40/admin,{"token":"42"}')
      await until('it is closed', () => client.closeCode !== undefined)
      expect(client.messages.filter((message) => message.startsWith('44'))).toEqual([
        '44/admin,{"message":"Invalid namespace"}',
      ])
      expect(server.lobby.handshakes).toHaveLength(token === undefined ? 0 : 1)
    },
  )

  test('a WebSocket ping is not answered: who sends them and reads nothing would fill our memory', async () => {
    server = await startSocketio()
    const client = await rawClient(server.port)
    let pongs = 0
    client.ws.on('pong', () => pongs++)
    for (let i = 0; i < 10; i++) client.ws.ping()
    client.ws.send('40{"token":"42"}')
    await until('it is greeted', () => client.messages.some((message) => message.startsWith('42["hello"')))
    expect(pongs).toBe(0)
  })

  test('who opens a connection and says nothing is closed', async () => {
    server = await startSocketio({ limits: { ...SOCKETIO_LIMITS, connectTimeoutMs: 100 } })
    const silent = await rawClient(server.port)
    await until('it is closed', () => silent.closeCode !== undefined)
    expect(server.lobby.opened).toBe(0)
  })
})

describe('a newcomer', () => {
  test('takes a place at the door, until it is admitted', async () => {
    server = await startSocketio()
    const client = await rawClient(server.port)
    expect(server.lobby.newcomers).toBe(1)
    client.ws.send('40{"token":"42"}')
    await until('it is here', () => server.lobby.hub.size === 1)
    expect(server.lobby.newcomers).toBe(0)
    client.ws.terminate()
    await until('it has left', () => server.lobby.hub.size === 0)
    expect(server.lobby.newcomers).toBe(0)
  })

  test.each([
    ['leaves', (client: RawClient) => client.ws.terminate()],
    ['was refused and leaves', (client: RawClient) => client.ws.send('40{}', () => client.ws.close())],
    ['was refused and stays', (client: RawClient) => client.ws.send('40{}')],
    ['says nothing', () => {}],
  ])('that %s gives its place back', async (_, behave) => {
    server = await startSocketio({ limits: { ...SOCKETIO_LIMITS, connectTimeoutMs: 200 } })
    const client = await rawClient(server.port)
    expect(server.lobby.newcomers).toBe(1)
    behave(client)
    await until('its place is free', () => server.lobby.newcomers === 0)
    expect(server.lobby.opened).toBe(0)
  })

  test('that Engine.IO refuses for reasons of its own gives its place back', async () => {
    server = await startSocketio()
    let knocks = 0
    const { knock } = server.lobby
    server.lobby.knock = () => {
      knocks++
      return knock.call(server.lobby)
    }
    for (const [query, init] of [
      ['EIO=3&transport=polling', {}],
      ['EIO=4&transport=carrier-pigeon', {}],
      ['EIO=4&transport=polling', { method: 'POST' }],
    ] as const)
      expect((await fetch(`${server.url}/socket.io/?${query}`, init)).status).toBe(400)
    const broken = get(`${server.url}/socket.io/?EIO=4&transport=websocket`, {
      headers: { ...UPGRADE, 'Sec-WebSocket-Version': '1' },
    })
    const [answer] = (await once(broken, 'response')) as [IncomingMessage]
    answer.resume()
    expect(answer.statusCode).toBe(400)
    await until('all places are free', () => server.lobby.newcomers === 0)
    expect(knocks).toBe(4)
  })

  test('hears 429 when there are too many, over polling and WebSocket, and finds its way when there are not', async () => {
    server = await startSocketio()
    server.lobby.crowded = true
    const answer = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`)
    expect([answer.status, await answer.json()]).toEqual([
      429,
      { error: new GatewayError('limit.connections').toPublic() },
    ])
    for (const [transport, open] of [
      ['polling', CLIENTS['4.8']],
      ['websocket', CLIENTS['3.1']],
    ] as const) {
      server.lobby.crowded = true
      const browser = await browse(server.url, '42', { transports: [transport] }, open)
      expect(browser.refusals).not.toHaveLength(0)
      server.lobby.crowded = false
      await until('it is greeted', () => browser.hellos.length === 1)
      await closeTab(browser)
    }
  })

  test('that was refused may not ask again on the same connection', async () => {
    server = await startSocketio({ limits: { ...SOCKETIO_LIMITS, connectTimeoutMs: 60_000 } })
    const client = await rawClient(server.port)
    client.ws.send('40{}')
    await until('it is refused', () => client.messages.some((message) => message.startsWith('44')))
    client.ws.send('40{"token":"42"}')
    await until('it is closed', () => client.closeCode !== undefined)
    expect(server.lobby.handshakes).toHaveLength(1)
  })
})

describe('what a browser brings', () => {
  test('reaches the session resolvers: cookie, authorization, token, address and time', async () => {
    server = await startSocketio({ trustProxy: true })
    for (const transports of [['websocket'], ['polling']]) {
      const extraHeaders = { Cookie: 'a=1; b=2', Authorization: 'Bearer x', 'X-Forwarded-For': '6.6.6.6, 203.0.113.7' }
      const { socket } = await browse(server.url, '42', { transports, extraHeaders })
      socket.disconnect()
    }
    const handshake = {
      cookie: 'a=1; b=2',
      authorization: 'Bearer x',
      token: '42',
      remoteAddress: '203.0.113.7',
      at: 1_763_750_000_000,
    }
    expect(server.lobby.handshakes).toEqual([handshake, handshake])
  })

  test.each([[{ token: 42 }], [{ token: { $ne: '' } }], [{ token: ['42'] }], [{ token: null }], [{}]])(
    'a token that is no text is none: %j',
    async (auth) => {
      server = await startSocketio()
      const { refusals, socket } = await browse(server.url, undefined, { auth })
      expect(refusals[0]?.data).toMatchObject({ code: 'session.missing' })
      expect(server.lobby.handshakes[0]?.token).toBeUndefined()
      socket.disconnect()
    },
  )
})

describe('a refusal', () => {
  test.each(Object.entries(CLIENTS))('tells %s code, message and whether to retry', async (_, open) => {
    server = await startSocketio()
    for (const [token, code] of [
      [undefined, 'session.missing'],
      ['away', 'store.unavailable'],
    ] as const) {
      const { refusals, socket } = await browse(server.url, token, {}, open)
      expect(refusals[0]?.data).toEqual(new GatewayError(code).toPublic())
      expect(refusals[0]?.message).toBe(new GatewayError(code).message)
      socket.disconnect()
    }
  })

  test('because there is no place left says so, and leaves nothing behind', async () => {
    server = await startSocketio()
    server.lobby.full = true
    const { refusals, socket } = await browse(server.url, '42')
    expect(refusals[0]?.data).toMatchObject({ code: 'limit.connections', retry: true })
    socket.disconnect()
    expect(server.lobby.hub.size).toBe(0)
  })

  test('because of a bug is "internal" and says nothing about our insides', async () => {
    server = await startSocketio()
    const { refusals, socket } = await browse(server.url, 'bug')
    expect(refusals[0]?.data).toEqual(new GatewayError('internal').toPublic())
    expect(JSON.stringify(refusals[0])).not.toMatch(/secret|\.ts/)
    socket.disconnect()
  })

  test('that says "retry" can be retried, with either client', async () => {
    server = await startSocketio()
    for (const open of Object.values(CLIENTS)) {
      server.lobby.full = true
      const browser = await browse(server.url, '42', {}, open)
      server.lobby.full = false
      browser.socket.connect()
      await until('it is greeted', () => browser.hellos.length === 1)
      browser.socket.disconnect()
    }
  })
})

describe('a browser that leaves while its session is looked up', () => {
  /** `patient`: it leaves while the lookup waits. Else it leaves at the moment at which the lookup is answered. */
  test.each([
    ['before the answer', true],
    ['together with the answer', false],
  ])('leaves nothing behind, a thousand times: %s', async (_, patient) => {
    server = await startSocketio({ limits: { ...SOCKETIO_LIMITS, connectTimeoutMs: 60_000 } })
    for (let round = 0; round < 10; round++) {
      let answer = () => {}
      server.lobby.gate = new Promise((resolve) => {
        answer = resolve
      })
      const clients = await Promise.all(Array.from({ length: 100 }, () => rawClient(server.port, '42')))
      await until('all are looked up', () => server.lobby.lookups === 100)
      for (const { ws } of clients) ws.terminate()
      if (patient) await until('all have left', async () => (await connections()) === 0)
      answer()
      await until('all lookups are answered', () => server.lobby.lookups === 0)
      await until('all have left', async () => (await connections()) === 0)
    }
    expect(server.lobby.handshakes).toHaveLength(1_000)
    if (patient) expect(server.lobby.opened).toBe(0)
    await until('nobody is here', () => server.lobby.hub.size === 0)
    expect(server.lobby.left).toHaveLength(server.lobby.opened)
    expect(server.lobby.hub.addresses).toBe(0)
  })

  test.each([
    ['in the tick', (run: () => void) => run()],
    ['right after the tick', (run: () => void) => queueMicrotask(run)],
  ])('whose session ends %s in which it is admitted leaves nothing behind either', async (_, when) => {
    server = await startSocketio()
    server.lobby.onOpen = (connection) =>
      when(() => connection.transport.dismiss(connection, { code: 'expired', retryInMs: 0 }))
    const late = await rawClient(server.port, '42')
    await until('it is closed', () => late.closeCode !== undefined)
    expect([server.lobby.opened, server.lobby.hub.size]).toEqual([1, 0])
    expect(server.lobby.left).toMatchObject([{ reason: 'expired' }])
  })

  test('a second CONNECT during the lookup closes the connection: it would cost a lookup and a place each', async () => {
    server = await startSocketio()
    let answer = () => {}
    server.lobby.gate = new Promise((resolve) => {
      answer = resolve
    })
    const greedy = await rawClient(server.port, '42')
    for (let i = 0; i < 50; i++) greedy.ws.send('40{"token":"42"}')
    await until('it is closed', () => greedy.closeCode !== undefined)
    answer()
    const patient = await browse(server.url, '43')
    expect(server.lobby.handshakes.map(({ token }) => token)).toEqual(['42', '43'])
    expect(server.lobby.hub.size).toBe(1)
    patient.socket.disconnect()
  })

  const connections = () =>
    new Promise<number>((resolve, reject) =>
      server.http.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    )
})
