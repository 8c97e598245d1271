import { EVERYONE } from '../../../src/core/address.ts'
import { Tab } from '../../../src/socketio/tab.ts'
import { SOCKETIO_LIMITS } from '../../../src/socketio/transport.ts'
import { browse, CLIENTS, closeTab, type RawClient, rawClient, rawPolling } from '../../support/socketioClients.ts'
import { type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

let server: SocketioServer
beforeEach(async () => {
  server = await startSocketio()
})
afterEach(() => server.stop())

describe('a gateway that is restarted', () => {
  test.each(
    Object.entries(CLIENTS).flatMap(([version, open]) =>
      (['websocket', 'polling'] as const).map((transport) => [version, transport, open] as const),
    ),
  )('is found again by %s clients over %s, by themselves', async (_, transport, open) => {
    const browsers = await Promise.all(
      ['42', '42', '43'].map((user) => browse(server.url, user, { transports: [transport] }, open)),
    )
    server.notify('42', '"last words"')
    const { port } = server
    await server.stop()
    // What was written before the end was heard before the farewell.
    await until('all heard the farewell', () => browsers.every(({ byes }) => byes.length === 1))
    expect(browsers.map(({ heard }) => heard.map(({ event }) => event))).toEqual([
      ['hello', 'notification', 'bye'],
      ['hello', 'notification', 'bye'],
      ['hello', 'bye'],
    ])
    server = await startSocketio({}, port)
    await until('all are back', () => browsers.every(({ hellos }) => hellos.length === 2))
    server.notify('42', '"first words"')
    await until('they hear again', () => browsers.slice(0, 2).every(({ bodies }) => bodies.at(-1) === 'first words'))
    await Promise.all(browsers.map(closeTab))
  })

  test('asks its browsers to come back spread over time', async () => {
    const browsers = await Promise.all(Array.from({ length: 20 }, () => browse(server.url, '42')))
    await server.transport.close()
    await until('all heard the farewell', () => browsers.every(({ byes }) => byes.length === 1))
    const waits = browsers.map(({ byes }) => byes[0]?.retryInMs ?? -1)
    for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(0)
    for (const wait of waits) expect(wait).toBeLessThan(SOCKETIO_LIMITS.retrySpreadMs)
    expect(new Set(waits).size).toBeGreaterThan(5)
    await Promise.all(browsers.map(closeTab))
  })
})

describe('while it closes', () => {
  const handshake = async () => {
    const answer = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`)
    return [answer.status, ((await answer.json()) as { error: { code: string } }).error.code]
  }

  test('newcomers hear 503, over polling and WebSocket', async () => {
    await server.transport.close()
    expect(await handshake()).toEqual([503, 'draining'])
    const refused = await rawClient(server.port)
    expect([refused.messages, refused.closeCode]).toEqual([[], 1006])
    expect(server.heard('connection.refused').map(({ code }) => code)).toEqual(['draining', 'draining'])
    // A trick with the query is no way in.
    const answer = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling&sid=x&sid=`)
    expect(answer.status).toBe(503)
  })

  test('who is being looked up is told to come back', async () => {
    let answer = () => {}
    server.lobby.gate = new Promise((resolve) => {
      answer = resolve
    })
    const raw = await rawClient(server.port, '42')
    await until('it is looked up', () => server.lobby.lookups === 1)
    const closed = server.transport.close()
    answer()
    await until('it is refused', () => raw.messages.length === 2)
    expect(JSON.parse((raw.messages[1] ?? '').slice(2))).toMatchObject({ data: { code: 'draining', retry: true } })
    raw.ws.close()
    await closed
    expect(server.lobby.opened).toBe(0)
  })

  test('a browser that reads nothing is waited for, but not longer than a second', async () => {
    const stuck = await rawClient(server.port, '42')
    const polling = await rawPolling(server.url)
    await fetch(`${server.url}/socket.io/?EIO=4&transport=polling&sid=${polling}`, {
      method: 'POST',
      body: '40{"token":"43"}',
    })
    await until('both are here', () => server.lobby.hub.size === 2)
    stuck.ws.pause()
    let isClosed = false
    const closed = server.transport.close().then(() => {
      isClosed = true
    })
    server.clock.advance(999)
    await handshake()
    expect(isClosed).toBe(false)
    server.clock.advance(1)
    await closed
    expect(server.lobby.hub.size).toBe(0)
    expect(server.lobby.left.map(({ reason }) => reason)).toEqual(['drain', 'drain'])
    await until('its connection is gone', async () => {
      const count = await new Promise<number>((resolve) => server.http.getConnections((_, n) => resolve(n)))
      server.http.closeIdleConnections()
      return count === 0
    })
    stuck.ws.terminate()
  })

  test('thousands of browsers are told in slices, all of them, and then have their second', async () => {
    const clients: RawClient[] = []
    // Not all at once: what a full backlog drops is tried again after seconds.
    while (clients.length < 1_001) {
      const some = Array.from({ length: Math.min(100, 1_001 - clients.length) }, () => rawClient(server.port, '42'))
      clients.push(...(await Promise.all(some)))
    }
    await until('all are here', () => server.lobby.hub.size === clients.length)
    const tabs = server.lobby.hub.at(EVERYONE).flatMap(({ connections }) => connections)
    const told = () => tabs.filter((tab) => tab instanceof Tab && tab.leaving === 'drain').length
    const closed = server.transport.close()
    server.clock.advance(1_000)
    const turns = [told()]
    while (turns.at(-1) !== clients.length) {
      await new Promise((resolve) => setImmediate(resolve))
      turns.push(told())
    }
    expect(turns).toEqual([500, 1_000, 1_001])
    await closed
    await until('all are closed', () => clients.every(({ closeCode }) => closeCode !== undefined))
    expect(clients.filter(({ messages }) => messages.some((message) => message.includes('"drain"')))).toHaveLength(
      1_001,
    )
  })

  test('the HTTP server goes on: its owner closes it', async () => {
    await server.transport.close()
    expect((await fetch(`${server.url}/healthz`)).status).toBe(404)
    expect(server.http.listening).toBe(true)
  })

  test('nobody is waited for when nobody is there, and closing twice is harmless', async () => {
    await Promise.all([server.transport.close(), server.transport.close()])
    await server.transport.close()
  })
})

test('a transport that was never opened closes at once', async () => {
  const other = await startSocketio()
  await other.stop()
  await other.transport.close()
})
