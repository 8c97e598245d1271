// A second control, without Redis: the loop that one writes first. zeromq.js, JSON.parse, io.to().emit().
import { fileURLToPath } from 'node:url'
import { listening } from '../lib/processes.mjs'
import { openPub } from '../lib/zmtpPublisher.mjs'

const SERVER = fileURLToPath(new URL('socketioServer.mjs', import.meta.url))

export const title = 'zeromq.js + Socket.IO'
export const absent = () => undefined
export { visitor } from './socketioClient.mjs'

export async function open({ start, stop, freePort, log }) {
  const [port, zeromq] = [await freePort(), await freePort()]
  const server = start('gateway', process.execPath, [SERVER, JSON.stringify({ port, zeromq })], { log })
  await listening(port)
  return { port, zeromq, pids: [server.pid], close: () => stop(server) }
}

export async function publisher({ zeromq }) {
  const { send, flush } = await openPub(zeromq, [''])
  return { user: (user, body) => send(`${user}`, body), everyone: (body) => send('*', body), flush }
}
