// nats-server: its own WebSocket listener, its own text protocol on both sides.
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { isOnPath, listening } from '../lib/processes.mjs'

export const title = 'nats-server'
export const absent = () => (isOnPath('nats-server') ? undefined : 'nats-server')

export async function open({ start, stop, freePort, folder, log }) {
  const [port, tcp] = [await freePort(), await freePort()]
  const config = join(folder, `nats-${port}.conf`)
  const websocket = `websocket { listen: "127.0.0.1:${port}", no_tls: true, compression: false }`
  writeFileSync(config, `listen: 127.0.0.1:${tcp}\nmax_connections: 60000\n${websocket}\n`)
  const server = start('gateway', 'nats-server', ['-c', config], { log })
  await listening(port)
  return { port, tcp, pids: [server.pid], close: () => stop(server) }
}

export const visitor = () => ({
  path: () => '/',
  headers: () => [],
  isBinary: true,
  answer(text, user) {
    const hello = 'CONNECT {"verbose":false,"pedantic":false}\r\n'
    if (text.startsWith('INFO')) return `${hello}SUB user.${user} 1\r\nSUB everyone 2\r\nPING\r\n`
    return text.includes('PONG') ? true : undefined
  },
  ping: 'PING',
  pong: 'PONG\r\n',
})

export async function publisher({ tcp }) {
  const socket = connect({ port: tcp, host: '127.0.0.1', noDelay: true })
  socket.on('data', (text) => text.includes('PING') && socket.write('PONG\r\n'))
  socket.write('CONNECT {"verbose":false,"pedantic":false}\r\n')
  let waiting = ''
  const publish = (subject, body) => {
    waiting += `PUB ${subject} ${body.length}\r\n${body}\r\n`
  }
  return {
    user: (user, body) => publish(`user.${user}`, body),
    everyone: (body) => publish('everyone', body),
    flush() {
      socket.write(waiting, 'latin1')
      waiting = ''
    },
  }
}
