import { listening } from '../lib/processes.mjs'

/** A Redis of our own, on the core of the others: no gateway's processor time holds it. */
export async function openRedis({ start, stop, freePort, folder, log }) {
  const port = await freePort()
  const words = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
  const server = start('others', 'redis-server', words, { log })
  await listening(port)
  return { port, close: () => stop(server) }
}
