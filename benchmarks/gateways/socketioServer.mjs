// Socket.IO as its guide shows it, and nothing more: who has a cookie joins its user's room. Fed over Redis by its own
// adapter, or over ZeroMQ by the loop that one writes first.
import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'
import { Subscriber } from 'zeromq'

const { port, redis, zeromq } = JSON.parse(process.argv[2])

const http = createServer()
const io = new Server(http, { transports: ['websocket'], ...(redis && { adapter: redisAdapter() }) })
io.use((socket, next) => {
  const [, user] = /uid=(\d+)/.exec(socket.handshake.headers.cookie ?? '') ?? []
  if (user === undefined) return next(new Error('no session'))
  socket.join([`user:${user}`, 'everyone'])
  next()
})
http.listen(port, '127.0.0.1', 4_096)
if (zeromq) await bridge()

function redisAdapter() {
  const publisher = new Redis(redis)
  return createAdapter(publisher, publisher.duplicate())
}

async function bridge() {
  const subscriber = new Subscriber({ receiveHighWaterMark: 0 })
  subscriber.connect(`tcp://127.0.0.1:${zeromq}`)
  subscriber.subscribe()
  for await (const [recipient, body] of subscriber) {
    const room = recipient.toString()
    io.to(room === '*' ? 'everyone' : `user:${room}`).emit('notification', JSON.parse(body.toString()))
  }
}
