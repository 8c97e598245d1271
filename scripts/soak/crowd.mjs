// Users who come, listen for a while, and go; some leave while the gateway looks them up, some may not come in.
import { createHmac, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { io } from 'socket.io-client'
import { between, loop, oneOf, rest } from './loop.mjs'

const PLACES = 50
export const NAMES = 150
const SESSION_SECONDS = 120

export async function crowd(scene, over) {
  await Promise.all(
    Array.from({ length: PLACES }, () =>
      loop(
        over,
        () => between(50, 500),
        () => visit(scene, over),
      ),
    ),
  )
}

async function visit({ site, ledger }, over) {
  const user = `user-${Math.floor(Math.random() * NAMES)}`
  const entrance = await oneOf([withSession, withToken])(site, user)
  const socket = io(site.url, {
    forceNew: true,
    reconnection: false,
    transports: oneOf([['websocket'], ['polling'], ['polling', 'websocket']]),
    ...entrance.options,
  })
  const gone = new Promise((resolve) => {
    socket.once('disconnect', resolve)
    socket.once('connect_error', resolve)
  })
  let isLeaving = false
  socket.on('notification', (body) => ledger.hear(socket, body))
  // Who was not greeted yet has only come too slowly.
  socket.once('hello', () => {
    ledger.greeted(socket, user)
    socket.once('disconnect', (reason) => {
      if (!isLeaving) ledger.cutOff(user, reason)
    })
  })
  const isInHaste = Math.random() < 0.15
  await Promise.race([gone, rest(isInHaste ? between(0, 25) : between(2000, 25_000), over)])
  isLeaving = true
  ledger.left(socket)
  socket.disconnect()
  await entrance.forget()
}

async function withSession({ redis, secret }, user) {
  const id = randomUUID()
  const signature = createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '')
  await redis.set(`sess:${id}`, JSON.stringify({ cookie: {}, user }), 'EX', SESSION_SECONDS)
  const cookie = `connect.sid=${encodeURIComponent(`s:${id}.${signature}`)}`
  return { options: { extraHeaders: { cookie } }, forget: () => redis.del(`sess:${id}`) }
}

async function withToken({ secret }, user) {
  const isForged = Math.random() < 0.05
  const token = await new SignJWT({ sub: user })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(`${SESSION_SECONDS}s`)
    .sign(Buffer.from(isForged ? secret.toUpperCase() : secret))
  return { options: { auth: { token } }, forget: async () => {} }
}
