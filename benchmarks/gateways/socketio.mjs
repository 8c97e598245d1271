// The control: Socket.IO with @socket.io/redis-adapter, published to with @socket.io/redis-emitter.
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Emitter } from '@socket.io/redis-emitter'
import { listening } from '../lib/processes.mjs'
import { openRedis } from './redis.mjs'

const SERVER = fileURLToPath(new URL('socketioServer.mjs', import.meta.url))

export const title = 'Socket.IO + Redis adapter'
export const absent = () => undefined
export { visitor } from './socketioClient.mjs'

export async function open({ start, stop, freePort, folder, log }) {
  const redis = await openRedis({ start, stop, freePort, folder, log })
  const port = await freePort()
  const server = start('gateway', process.execPath, [SERVER, JSON.stringify({ port, redis: redis.port })], { log })
  const close = async () => {
    await stop(server)
    await redis.close()
  }
  await listening(port)
  return { port, redis: redis.port, pids: [server.pid], close }
}

/** The emitter's own packets; what it publishes in one turn leaves in one write, so that it is not what limits. */
export async function publisher({ redis }) {
  const socket = connect({ port: redis, host: '127.0.0.1', noDelay: true })
  socket.resume()
  let waiting = []
  const emitter = new Emitter({
    publish(channel, packet) {
      waiting.push(Buffer.from(`*3\r\n$7\r\nPUBLISH\r\n$${channel.length}\r\n${channel}\r\n$${packet.length}\r\n`))
      waiting.push(packet, Buffer.from('\r\n'))
    },
  })
  return {
    user: (user, body) => emitter.to(`user:${user}`).emit('notification', JSON.parse(body)),
    everyone: (body) => emitter.to('everyone').emit('notification', JSON.parse(body)),
    flush() {
      socket.write(Buffer.concat(waiting))
      waiting = []
    },
  }
}
