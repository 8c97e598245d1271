// node benchmarks/ingest.mjs [SECONDS]: how many kept notifications a second a gateway acknowledges over its ROUTER, beside
// the same script called bare: ioredis, pipelines of 100, ten under way, nothing checked and nobody told. Both on one
// Redis of our own, in interleaved rounds; only the ratio of a round means anything.
import { fork, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Dealer } from 'zeromq'
import { redisBackend } from '../dist/redis/backend.js'

const SECONDS = Number(process.argv[2] ?? 8)
const ROUNDS = 3
const USERS = 1_000
const WINDOW = 1_000
const BODY = JSON.stringify({ text: 'x'.repeat(180) })

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'heraldo-benchmark-'))
  const [redisPort, ingestPort, rep, pub] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const redis = spawn('redis-server', ['--port', `${redisPort}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''])
  const url = `redis://127.0.0.1:${redisPort}`
  const ingest = `tcp://127.0.0.1:${ingestPort}`
  const config = {
    http: { port: 0 },
    redis: { url },
    zeromq: { ingest, registry: { serve: true, rep: `tcp://127.0.0.1:${rep}`, pub: `tcp://127.0.0.1:${pub}` }, notifiers: [] },
    sessions: [],
    log: { level: 'error' },
  }
  writeFileSync(join(folder, 'gateway.json'), JSON.stringify(config))
  await pause(500)
  const gateway = spawn('node', ['dist/cli/main.js', 'start', '--config', join(folder, 'gateway.json')])
  await new Promise((resolve) => gateway.stdout.once('data', resolve))
  try {
    const ratios = []
    for (let round = 1; round <= ROUNDS; round++) {
      const control = await run('bare', url)
      const before = cpuOf(gateway.pid)
      const acknowledged = await run('sender', ingest)
      const cpuUs = ((cpuOf(gateway.pid) - before) * 1e6) / (acknowledged * SECONDS)
      ratios.push(acknowledged / control)
      console.log(
        `round ${round}: bare ${control.toFixed(0)}/s, acknowledged ${acknowledged.toFixed(0)}/s, ratio ${(acknowledged / control).toFixed(2)}, ` +
          `gateway ${cpuUs.toFixed(1)} µs of processor each, rss ${rssOf(gateway.pid).toFixed(0)} MB`,
      )
    }
    console.log(`median ratio ${ratios.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)].toFixed(2)}`)
  } finally {
    gateway.kill('SIGKILL')
    redis.kill('SIGKILL')
    await pause(100)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** In a process of its own, as a sender is. */
function run(kind, address) {
  const child = fork(new URL(import.meta.url).pathname, [`${SECONDS}`, kind, address])
  return new Promise((resolve, reject) => child.once('message', resolve).once('exit', () => reject(new Error(`${kind} ended`))))
}

/** Both answer how many were done in a second. */
async function bare(ms, url) {
  const redis = new Redis(url)
  const calls = []
  // The very calls that a gateway makes: its own code makes them, and we take them down.
  const pipeline = redis.pipeline.bind(redis)
  redis.pipeline = () => {
    const made = pipeline()
    const { callBuffer } = made
    made.callBuffer = (...args) => {
      calls.push(args)
      return callBuffer.apply(made, args)
    }
    return made
  }
  const { inbox, close, asked } = backendOn(redis, url)
  await asked
  const copies = Array.from({ length: 2 * USERS }, (_, i) => copyOf(`${i % USERS}`, `warm-${process.pid}-${i}`))
  for (let from = 0; from < copies.length; from += 100) await inbox.keep(copies.slice(from, from + 100))
  const template = calls.find((args) => args.length > 9)
  let done = 0
  const end = performance.now() + ms
  const work = async () => {
    while (performance.now() < end) {
      const batch = pipeline()
      for (let i = 0; i < 100; i++) {
        const user = done++ % USERS
        const id = `bare-${process.pid}-${done}`
        batch.callBuffer('EVALSHA', ...template.slice(1).map((arg) => renamed(arg, user, id)))
      }
      await batch.exec()
    }
  }
  await Promise.all(Array.from({ length: 10 }, work))
  await close()
  redis.disconnect()
  return (done * 1_000) / ms
}

/** The call for user 0 and its id, for another user and id. */
function renamed(argument, user, id) {
  if (typeof argument !== 'string') return argument
  return argument.replace('{0}', `{${user}}`).replace(/warm-\d+-\d+/g, id).replace(/(:to:)0$/, `$1${user}`)
}

function backendOn(redis, url) {
  const events = { emit() {}, on() {} }
  const clock = { now: Date.now, monotonic: () => performance.now(), later: () => () => {} }
  const bounds = { keep: 500, days: 30, maxResumeBytes: 524_288, newEpoch: () => `epoch-${Math.random()}` }
  const options = { redis, subscriber: new Redis(url), store: 'redis', prefix: 'heraldo:', node: 'bench', events, clock }
  return redisBackend({ ...options, ...bounds })
}

const copyOf = (user, id) => ({ user, source: '', id, type: 'notification', body: Buffer.from(BODY), acceptedAt: 0 })

async function sender(ms, address) {
  const socket = new Dealer({ linger: 0 })
  socket.connect(address)
  const body = Buffer.from(BODY)
  let sent = 0
  const send = () => {
    const user = sent++ % USERS
    return socket.send([`{"recipient":"${user}","id":"sent-${process.pid}-${sent}"}`, body])
  }
  for (let i = 0; i < WINDOW; i++) await send()
  let acknowledged = 0
  const end = performance.now() + ms
  while (performance.now() < end) {
    const [reply] = await socket.receive()
    if (reply.toString('latin1', 0, 10) !== '{"ok":true') throw new Error(`${reply}`)
    acknowledged++
    await send()
  }
  socket.close()
  return (acknowledged * 1_000) / ms
}

function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function rssOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

if (process.send !== undefined) {
  const [, , seconds, kind, address] = process.argv
  process.send(await (kind === 'bare' ? bare : sender)(Number(seconds) * 1_000, address))
  process.disconnect()
} else await main()
