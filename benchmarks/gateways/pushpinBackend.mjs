// Says yes to whoever comes, subscribes it to its user's channel and to everyone's, and greets it.
import { createServer } from 'node:http'

const event = (text) => `TEXT ${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const subscribe = (channel) => event(`c:${JSON.stringify({ type: 'subscribe', channel })}`)

const server = createServer((request, response) => {
  const [, user] = /uid=(\d+)/.exec(request.headers.cookie ?? '') ?? []
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString()
    response.setHeader('Content-Type', 'application/websocket-events')
    if (!text.startsWith('OPEN')) return response.end(text)
    response.setHeader('Sec-WebSocket-Extensions', 'grip; message-prefix=""')
    response.end(`OPEN\r\n${subscribe(`user${user}`)}${subscribe('everyone')}${event('hello')}`)
  })
})
server.listen(Number(process.argv[2]), '127.0.0.1', 4_096)
