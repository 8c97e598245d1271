// node benchmarks/ingest.mjs [SECONDS [MINUTES]]: how many kept notifications a second a gateway acknowledges over its ROUTER, beside
// the same script called bare: ioredis, pipelines of 100, ten under way, nothing checked and nobody told. Both on one
// Redis of our own, in interleaved rounds; only the ratio of a round means anything. With MINUTES instead: the gateway's
// memory, minute by minute, at 70 % of what it can take.
import { fork } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Dealer } from 'zeromq'
import { Asking } from '../dist/redis/asking.js'
import { redisBackend } from '../dist/redis/backend.js'
import { Keeping } from '../dist/redis/inbox.js'
import { Outgoing, ReplyReader } from '../dist/redis/resp.js'
import { scriptsWith } from '../dist/redis/scripts.js'
import { cpuOf, openSite, rssMbOf } from './lib/site.mjs'

const SECONDS = Number(process.argv[2] ?? 8)
const MINUTES = Number(process.argv[3] ?? 0)
const ROUNDS = 5
/** So many that no inbox is full before the end: trimming would make the second of a round slower than the first. */
const USERS = 10_000
const WINDOW = 1_000
const PREFIX = 'heraldo:'
const DAYS = 30
const STANDING = { keep: 500, standsMs: DAYS * 86_400_000 }
const BODY = JSON.stringify({ text: 'x'.repeat(180) })

async function main() {
  const site = await openSite()
  try {
    if (MINUTES > 0) await watchMemory(site)
    else await compare(site)
  } finally {
    await site.close()
  }
}

async function compare({ redisUrl, ingest, pid }) {
  const ratios = []
  for (let round = 1; round <= ROUNDS; round++) {
    const control = await run('bare', redisUrl)
    const before = cpuOf(pid)
    const acknowledged = await run('sender', ingest)
    const cpuUs = ((cpuOf(pid) - before) * 1e6) / (acknowledged * SECONDS)
    ratios.push(acknowledged / control)
    console.log(
      `round ${round}: bare ${control.toFixed(0)}/s, acknowledged ${acknowledged.toFixed(0)}/s, ratio ${(acknowledged / control).toFixed(2)}, ` +
        `gateway ${cpuUs.toFixed(1)} µs of processor each, rss ${rssMbOf(pid).toFixed(0)} MB`,
    )
  }
  console.log(`median ratio ${ratios.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)].toFixed(2)}`)
}

/** Finds out what it can take, and holds it at 70 % of that. */
async function watchMemory({ ingest, pid }) {
  const perSecond = Math.floor(0.7 * (await run('sender', ingest)))
  for (let minute = 1; minute <= MINUTES; minute++) {
    const done = await run('sender', ingest, 60, perSecond)
    console.log(`minute ${minute}: ${done.toFixed(0)}/s of ${perSecond}/s, rss ${rssMbOf(pid).toFixed(0)} MB`)
  }
}

/** In a process of its own, as a sender is. */
function run(kind, address, seconds = SECONDS, perSecond = Number.POSITIVE_INFINITY) {
  const child = fork(new URL(import.meta.url).pathname, [kind, address, `${seconds}`, `${perSecond}`])
  return new Promise((resolve, reject) => {
    child.once('message', resolve).once('exit', () => reject(new Error(`${kind} ended`)))
  })
}

/** Both answer how many were done in a second. */
async function bare(ms, url) {
  const redis = new Redis(url)
  const { inbox, close, asked } = backendOn(redis, url)
  await asked
  const copies = Array.from({ length: 2 * USERS }, (_, i) => copyOf(`${i % USERS}`, `warm-${process.pid}-${i}`))
  for (let from = 0; from < copies.length; from += 100) await inbox.keep(copies.slice(from, from + 100))
  const template = callFor(inbox.generation())
  let done = 0
  const end = performance.now() + ms
  const work = async () => {
    while (performance.now() < end) {
      const batch = redis.pipeline()
      for (let i = 0; i < 100; i++) {
        const user = done++ % USERS
        const id = `bare-${process.pid}-${done}`
        batch.callBuffer(...template.map((arg) => renamed(arg, user, id)))
      }
      await batch.exec()
    }
  }
  await Promise.all(Array.from({ length: 10 }, work))
  await close()
  redis.disconnect()
  return (done * 1_000) / ms
}

/** The very call that a gateway makes to keep something for user 0: its own code writes it, and we read it again. */
function callFor(generation) {
  const script = scriptsWith({ ...STANDING, now: undefined }).keep
  const asking = new Asking({ prefix: PREFIX, newEpoch: () => 'epoch', generation: { current: () => generation } })
  const out = new Outgoing()
  new Keeping(asking, undefined, [copyOf('0', 'warm-0-0')]).write(out, 0, script)
  let call = []
  const reader = new ReplyReader((command) => {
    call = command.map(String)
  })
  for (const bytes of out.take()) reader.read(bytes)
  return call
}

/** The call for user 0 and its id, for another user and id. */
function renamed(argument, user, id) {
  return argument.replace('{0}', `{${user}}`).replace(/warm-\d+-\d+/g, id).replace(/(:to:)0$/, `$1${user}`)
}

function backendOn(redis, url) {
  const events = { emit() {}, on() {} }
  const clock = { now: Date.now, monotonic: () => performance.now(), later: () => () => {} }
  const bounds = { keep: STANDING.keep, days: DAYS, maxResumeBytes: 524_288, newEpoch: () => `epoch-${Math.random()}` }
  const options = { redis, subscriber: new Redis(url), store: 'redis', prefix: PREFIX, node: 'bench', events, clock }
  return redisBackend({ ...options, ...bounds })
}

const copyOf = (user, id) => ({ user, source: '', id, type: 'notification', body: Buffer.from(BODY), acceptedAt: 0 })

async function sender(ms, address, perSecond) {
  const socket = new Dealer({ linger: 0 })
  socket.connect(address)
  const body = Buffer.from(BODY)
  const began = performance.now()
  let sent = 0
  let acknowledged = 0
  const send = async () => {
    const early = (sent * 1_000) / perSecond - (performance.now() - began)
    if (early > 0) await pause(early)
    const user = sent++ % USERS
    return socket.send([`{"recipient":"${user}","id":"sent-${process.pid}-${sent}"}`, body])
  }
  for (let i = 0; i < Math.min(WINDOW, perSecond / 10); i++) await send()
  while (performance.now() < began + ms) {
    const [reply] = await socket.receive()
    if (reply.toString('latin1', 0, 10) !== '{"ok":true') throw new Error(`${reply}`)
    acknowledged++
    await send()
  }
  socket.close()
  return (acknowledged * 1_000) / ms
}

if (process.send !== undefined) {
  const [, , kind, address, seconds, perSecond] = process.argv
  process.send(await (kind === 'bare' ? bare : sender)(Number(seconds) * 1_000, address, Number(perSecond)))
  process.disconnect()
} else await main()
