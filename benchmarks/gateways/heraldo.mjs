// Heraldo as an operator starts it: sessions are JSON Web Tokens, inboxes in Redis where there is one, and one notifier
// with a PUB socket, which speaks the short form.
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openPub } from '../lib/zmtpPublisher.mjs'
import { openRedis } from './redis.mjs'
import { enginePing } from './socketioClient.mjs'

const SECRET = 'a secret of at least thirty-two bytes'
const HERE = fileURLToPath(new URL('../..', import.meta.url))

export const title = 'Heraldo'
export const absent = () => undefined

/** `root`: another checkout, built; `flags`: for its node; `hasRedis`: false keeps everything in memory. */
export async function open({ start, stop, freePort, folder, log }, { root = HERE, flags = [], hasRedis = true } = {}) {
  const [port, zeromq, ingest, rep, pub] = await Promise.all(Array.from({ length: 5 }, freePort))
  const redis = hasRedis ? await openRedis({ start, stop, freePort, folder, log }) : undefined
  const config = {
    http: { port },
    ...(redis && { redis: { url: `redis://127.0.0.1:${redis.port}/0` } }),
    zeromq: {
      ingest: loopback(ingest),
      registry: { serve: true, rep: loopback(rep), pub: loopback(pub) },
      notifiers: [loopback(zeromq)],
    },
    sessions: [{ use: 'jwt', secret: SECRET }],
  }
  // What somebody has configured in the environment is not what is measured.
  const settings = Object.keys(process.env).filter((name) => name.startsWith('HERALDO_'))
  const env = Object.fromEntries(settings.map((name) => [name, undefined]))
  const file = join(folder, `heraldo-${port}.json`)
  writeFileSync(file, JSON.stringify(config))
  const program = join(resolve(root), 'dist', 'cli', 'main.js')
  const gateway = start('gateway', process.execPath, [...flags, program, 'start', '--config', file], { log, env })
  const close = async () => {
    await stop(gateway)
    await redis?.close()
  }
  if (await isReady(port)) return { port, zeromq, pids: [gateway.pid], close }
  await close()
  throw new Error('Heraldo is not ready in time')
}

export const visitor = () => ({
  path: () => '/socket.io/?EIO=4&transport=websocket',
  headers: () => [],
  answer(text, user) {
    if (text.startsWith('0')) return `40{"token":"${token(user)}"}`
    return text.includes('["hello"') ? true : undefined
  },
  ...enginePing,
})

export async function publisher({ zeromq }, users) {
  const topics = Array.from({ length: users }, (_, user) => `${user}|`)
  const { send, flush } = await openPub(zeromq, [...topics, '*|'])
  return { user: (user, body) => send(`${user}|${body}`), everyone: (body) => send(`*|${body}`), flush }
}

const loopback = (port) => `tcp://127.0.0.1:${port}`

async function isReady(port) {
  for (let tries = 0; tries < 200; tries++) {
    const { ok } = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => ({ ok: false }))
    if (ok) return true
    await pause(50)
  }
  return false
}

function token(user) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const words = `${part({ alg: 'HS256' })}.${part({ sub: `${user}`, exp: Math.floor(Date.now() / 1_000) + 3_600 })}`
  return `${words}.${createHmac('sha256', SECRET).update(words).digest('base64url')}`
}
