import { browse, CLIENTS, closeTab, rawClient, rawPolling } from '../../support/socketioClients.ts'
import { type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

let server: SocketioServer
beforeEach(async () => {
  server = await startSocketio()
})
afterEach(() => server.stop())

const BODIES: readonly (readonly [string, string])[] = [
  ['unicode', '{"text":"Grüße, 世界 👋🏽 \u2028\u2029 \\ud83d"}'],
  ['quotes and escapes', '{"text":"\\"\\\\\\u0000\\/\\n"}'],
  ['white space and line ends', '\r\n\t { "a" :\n[ 1 , 2 ] }\n '],
  ['64 KB', JSON.stringify({ text: 'x'.repeat(65_000) })],
  ['keys that poison objects', '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}'],
  ['numbers that no double holds', '[9007199254740993,1e400,-0,1.10,123456789012345678901234567890]'],
  ['the same key twice', '{"a":1,"a":2}'],
  ['a bare value', 'null'],
]

describe('a body', () => {
  test.each(BODIES)('with %s arrives byte for byte over a WebSocket', async (_, body) => {
    const client = await rawClient(server.port, '42')
    await until('it was greeted', () => client.messages.length === 3)
    server.notify('42', body)
    await until('it is here', () => client.messages.length === 4)
    expect(client.messages[3]).toBe(`42["notification",${body},{"id":"n-1","type":"notification","at":1763750000000}]`)
    client.ws.terminate()
  })

  test.each(BODIES)('with %s arrives byte for byte over long-polling', async (_, body) => {
    const poll = `${server.url}/socket.io/?EIO=4&transport=polling&sid=${await rawPolling(server.url)}`
    await fetch(poll, { method: 'POST', body: '40{"token":"42"}' })
    await until('it was greeted', () => server.lobby.hub.size === 1)
    await fetch(poll)
    server.notify('42', body)
    expect(await (await fetch(poll)).text()).toBe(
      `42["notification",${body},{"id":"n-1","type":"notification","at":1763750000000}]`,
    )
    await fetch(poll, { method: 'POST', body: '41' })
  })

  test('poisons nobody in a real client', async () => {
    const browser = await browse(server.url, '42')
    server.notify('42', '{"__proto__":{"admin":true}}')
    await until('it is here', () => browser.bodies.length === 1)
    expect(Object.hasOwn({ ...(browser.bodies[0] as object) }, 'admin')).toBe(false)
    expect(Object.prototype).not.toHaveProperty('admin')
    browser.socket.disconnect()
  })
})

test('meta data tells what the notification has, and nothing else', async () => {
  const browser = await browse(server.url, '42')
  server.notify('42', '1', { type: 'order.shipped', expiresAt: 1_763_750_060_000, collapse: 'order-17' })
  server.notify('42', '2')
  await until('both are here', () => browser.metas.length === 2)
  expect(browser.metas).toEqual([
    { id: 'n-1', type: 'order.shipped', at: 1_763_750_000_000, expiresAt: 1_763_750_060_000, collapse: 'order-17' },
    { id: 'n-2', type: 'notification', at: 1_763_750_000_000 },
  ])
  browser.socket.disconnect()
})

test('the event’s name is the configured one', async () => {
  await server.stop()
  server = await startSocketio({ eventName: 'notify-me' })
  const client = await rawClient(server.port, '42')
  await until('it was greeted', () => client.messages.length === 3)
  server.notify('42', '1')
  await until('it is here', () => client.messages.length === 4)
  expect(client.messages[3]).toMatch(/^42\["notify-me",1,/)
  client.ws.terminate()
})

test.each(Object.entries(CLIENTS))(
  'in a storm, %s clients that upgrade from polling to a WebSocket lose nothing and keep the order',
  async (_, open) => {
    let stormy = true
    let said = 0
    const storm = async () => {
      while (stormy) {
        // Several in a tick, so that queues form on both transports.
        for (let i = 0; i < 7; i++) server.notify('42', String(++said))
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const blowing = storm()
    const options = { transports: ['polling', 'websocket'] }
    const browsers = await Promise.all(Array.from({ length: 30 }, () => browse(server.url, '42', options, open)))
    await until('all have upgraded', () => browsers.every((browser) => browser.transportName() === 'websocket'))
    const upgradedAt = said
    await until('the storm went on for a while', () => said > upgradedAt + 500)
    stormy = false
    await blowing
    await until('all have heard the last', () => browsers.every(({ bodies }) => bodies.at(-1) === said))
    for (const { bodies, hellos, heard, disconnects } of browsers) {
      const first = Number(bodies[0])
      expect(bodies).toEqual(Array.from({ length: said - first + 1 }, (_, i) => first + i))
      expect(first).toBeLessThan(upgradedAt)
      expect([hellos.length, heard[0]?.event, disconnects.length]).toEqual([1, 'hello', 0])
    }
    await Promise.all(browsers.map(closeTab))
  },
)
