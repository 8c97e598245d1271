import { once } from 'node:events'
import { connect } from 'node:net'
import { browse, closeTab } from '../../support/socketioClients.ts'
import { type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

let server: SocketioServer
beforeEach(async () => {
  // It answers 404, with the body that it was sent.
  server = await startSocketio()
})
afterEach(() => server.stop())

const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'
const WEBSOCKET =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

const END = '0\r\n\r\n'

/** What the server answers to these requests on one connection, which may come in pieces. */
async function ask(...requests: readonly (readonly string[])[]): Promise<string[]> {
  const wire = connect(server.port, '127.0.0.1').setNoDelay()
  const answers: string[] = []
  wire.setEncoding('utf8').on('data', (text: string) => answers.push(`${answers.pop() ?? ''}${text}`))
  await once(wire, 'connect')
  for (const pieces of requests) {
    answers.push('')
    for (const piece of pieces) {
      wire.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until('it answers', () => answers.at(-1)?.endsWith(END) === true)
  }
  wire.destroy()
  return answers
}

test('a client that offers HTTP/2 (curl --http2, Java) is served in HTTP/1.1', async () => {
  const [answer] = await ask([`GET /healthz HTTP/1.1\r\nHost: x\r\n${H2C}\r\n`])
  expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/)
})

test('its body arrives whole, with its head or after it, chunked or not, and so does its next request', async () => {
  const post = (more: string) => `POST / HTTP/1.1\r\nHost: x\r\n${H2C}${more}`
  const answers = await ask(
    [post('Content-Length: 13\r\n\r\n{"grüße":1}')],
    [post('Content-Length: 12\r\n\r\n'), 'in ', 'pieces...'],
    [post('Transfer-Encoding: chunked\r\n\r\n'), '5\r\nchunk\r\n', '0\r\n\r\n'],
    ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nplain'],
  )
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/)
  const chunks = /(?<=\r\n)\w+\r\n(.*)\r\n/g
  const bodies = answers.map((answer) => [...answer.matchAll(chunks)].map(([, chunk]) => chunk).join(''))
  expect(bodies).toEqual(['{"grüße":1}', 'in pieces...', 'chunk', 'plain'])
})

test('a WebSocket to an address where there is none hears what everybody hears there', async () => {
  const [answer] = await ask([`GET /elsewhere HTTP/1.1\r\nHost: x\r\n${WEBSOCKET}\r\n`])
  expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/)
  const browser = await browse(server.url, '42')
  expect(browser.hellos).toHaveLength(1)
  await closeTab(browser)
})

test('who breaks off while it offers another protocol harms nobody', async () => {
  for (let i = 0; i < 20; i++) {
    const wire = connect(server.port, '127.0.0.1')
    await once(wire, 'connect')
    wire.write(`POST / HTTP/1.1\r\nHost: x\r\n${H2C}Content-Length: 9\r\n\r\nhalf`)
    await new Promise((resolve) => setImmediate(resolve))
    wire.resetAndDestroy()
  }
  await until('they are gone', async () => {
    const count = await new Promise<number>((resolve) => server.http.getConnections((_, n) => resolve(n)))
    return count === 0
  })
})
