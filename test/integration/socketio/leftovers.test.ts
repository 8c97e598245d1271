import type { IncomingMessage } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { browse, closeTab } from '../../support/socketioClients.ts'
import { type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

let server: SocketioServer
beforeEach(async () => {
  server = await startSocketio()
})
afterEach(() => server.stop())

/** Collects garbage at once. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}

test.each([[['websocket']], [['polling', 'websocket']]])(
  'nothing is kept of the requests of a browser that came by %j, except what its session is judged by',
  async (transports) => {
    const collect = collector()
    const requests: WeakRef<IncomingMessage>[] = []
    const note = (request: IncomingMessage) => void requests.push(new WeakRef(request))
    server.http.on('request', note).on('upgrade', note)
    const browser = await browse(server.url, '42', { transports })
    await until('it is on a WebSocket', () => browser.transportName() === 'websocket')
    await until('its requests are forgotten', () => {
      collect()
      return requests.every((request) => request.deref() === undefined)
    })
    expect(requests.length).toBeGreaterThan(0)
    expect(server.lobby.connectionOf('42').handshake.token).toBe('42')
    server.notify('42', '"hi"')
    await until('it hears on', () => browser.bodies.length === 1)
    await closeTab(browser)
  },
)
