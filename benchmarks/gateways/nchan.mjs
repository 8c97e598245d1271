// nginx with Nchan: subscribers over WebSocket, published to with HTTP requests in pipelines.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { isOnPath, listening } from '../lib/processes.mjs'

const MODULE = process.env.NCHAN_MODULE ?? '/usr/lib/nginx/modules/ngx_nchan_module.so'
const CONNECTIONS = 8

export const title = 'Nchan (nginx)'
export const absent = () => (isOnPath('nginx') && existsSync(MODULE) ? undefined : 'nginx with Nchan')

export async function open({ start, stop, freePort, folder, log }) {
  const port = await freePort()
  const own = join(folder, `nchan-${port}`)
  mkdirSync(own)
  const config = join(own, 'nginx.conf')
  writeFileSync(config, configuration(own, port))
  const server = start('gateway', 'nginx', ['-p', own, '-c', config], { log })
  await listening(port)
  return { port, pids: [server.pid], close: () => stop(server) }
}

export const visitor = () => ({
  path: (user) => `/sub?user=${user}`,
  headers: () => [],
  answer: () => true,
  ping: '\0',
})

export async function publisher({ port }) {
  const connections = Array.from({ length: CONNECTIONS }, () => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.resume()
    return { socket, waiting: '' }
  })
  let next = 0
  const post = (id, body) => {
    const request = `POST /pub?id=${id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    connections[next++ % CONNECTIONS].waiting += request
  }
  return {
    user: (user, body) => post(`user${user}`, body),
    everyone: (body) => post('everyone', body),
    flush() {
      for (const connection of connections) {
        if (connection.waiting !== '') connection.socket.write(connection.waiting, 'latin1')
        connection.waiting = ''
      }
    },
  }
}

function configuration(own, port) {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${own};`)
  return `${process.getuid() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid ${own}/nginx.pid;
error_log ${own}/error.log crit;
load_module ${MODULE};
events { worker_connections 65000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  nchan_shared_memory_size 1024M;
  ${folders.join('\n  ')}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /sub {
      nchan_subscriber websocket;
      nchan_channel_id "user$arg_user" everyone;
      nchan_subscriber_first_message newest;
      nchan_websocket_ping_interval 0;
    }
    location = /pub {
      nchan_publisher http;
      nchan_channel_id $arg_id;
      nchan_store_messages off;
      nchan_channel_group_accounting off;
    }
  }
}
`
}
