// node benchmarks/resume.mjs [USERS [MISSED]]: so many users come back at once, each with so many missed notifications,
// while one who is connected hears live ones over HTTP, twenty a second. Printed: how long until all have everything, and
// the live ones' latency, from the request to the browser, before (the control) and meanwhile.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { SignJWT } from 'jose'
import { io } from 'socket.io-client'
import { Dealer } from 'zeromq'
import { KEY, openSite, SECRET } from './lib/site.mjs'

const USERS = Number(process.argv[2] ?? 1_000)
const MISSED = Number(process.argv[3] ?? 500)
const EVERY_MS = 50
const CALM_MS = 3_000
const BODY = Buffer.from(JSON.stringify({ text: 'x'.repeat(180) }))

async function main() {
  const site = await openSite({ limits: { eventsPerSecond: 0 } })
  try {
    const users = Array.from({ length: USERS }, (_, i) => `user-${i}`)
    const places = await Promise.all(users.map((user) => visit(site, user)))
    await fill(site, users)
    const witness = await connect(site, 'witness')
    const calm = await during(site, witness, () => pause(CALM_MS))
    let tookMs = 0
    // In a process of its own: the witness shall not wait for the crowd's own parsing.
    const crowd = fork(new URL(import.meta.url).pathname, process.argv.slice(2))
    await once(crowd, 'message')
    const busy = await during(site, witness, async () => {
      crowd.send({ url: site.url, users, places })
      tookMs = (await once(crowd, 'message'))[0]
    })
    console.log(`${USERS} users have their ${MISSED} missed ones after ${tookMs.toFixed(0)} ms`)
    console.log(`live before:    ${percentiles(calm)}`)
    console.log(`live meanwhile: ${percentiles(busy)}`)
  } finally {
    await site.close()
  }
  process.exit()
}

async function crowd({ url, users, places }) {
  const began = performance.now()
  await Promise.all(users.map((user, i) => resume({ url }, user, places[i])))
  process.send(performance.now() - began)
  process.disconnect()
}

/** Is here once, and goes. Answers where it stands. */
async function visit(site, user) {
  const { socket, hello } = await connect(site, user)
  socket.disconnect()
  return hello.position
}

async function connect({ url }, user, since) {
  const socket = io(url, { forceNew: true, transports: ['websocket'], auth: { token: await token(user), since } })
  const hello = await new Promise((resolve) => socket.once('hello', resolve))
  return { socket, hello }
}

async function resume({ url }, user, since) {
  const socket = io(url, { forceNew: true, transports: ['websocket'], auth: { token: await token(user), since } })
  let heard = 0
  await new Promise((resolve) => socket.on('notification', () => ++heard === MISSED && resolve()))
  socket.disconnect()
}

async function fill(site, users) {
  const socket = new Dealer({ linger: 0 })
  socket.connect(site.ingest)
  for (let missed = 0; missed < MISSED; missed++) {
    await socket.send([JSON.stringify({ recipient: users }), BODY])
    const [reply] = await socket.receive()
    if (!JSON.parse(`${reply}`).ok) throw new Error(`${reply}`)
  }
  socket.close()
}

/** Latencies of live notifications in milliseconds, as long as something lasts. */
async function during(site, { socket }, work) {
  const latencies = []
  const heard = (sentAt) => latencies.push(performance.now() - sentAt)
  socket.on('notification', heard)
  let isOver = false
  const talk = (async () => {
    while (!isOver) {
      void say(site, performance.now())
      await pause(EVERY_MS)
    }
  })()
  await work()
  isOver = true
  await talk
  await pause(500)
  socket.off('notification', heard)
  return latencies.sort((a, b) => a - b)
}

function say(site, notification) {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ recipient: 'witness', notification, keep: false })
  return fetch(`${site.url}/v1/notify`, { method: 'POST', headers, body })
}

function percentiles(sorted) {
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]?.toFixed(1)
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, largest ${at(1)} ms, of ${sorted.length}`
}

function token(user) {
  const jwt = new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).setSubject(user)
  return jwt.setExpirationTime('1h').sign(Buffer.from(SECRET))
}

if (process.send === undefined) await main()
else {
  process.once('message', crowd)
  process.send('ready')
}
