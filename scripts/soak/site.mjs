// A redis-server and a gateway of our own, on free ports, with their files in a folder of their own.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { root, Stop } from '../prepare.mjs'

const START_MS = 120_000
const ATTEMPTS = 3
/** Of what a program says, in characters. */
const MAX_OUTPUT = 100_000
/** What a gateway may say of a Redis that stands still: we see to it that it does. */
const OUTAGE = /timed out|connection is closed|isn't writeable|ECONN/i
/** Short, so that filters come and go. */
const LINGER_MS = 2000
/** A gateway that collects its garbage when it is told to, so that its heap is what it holds. */
const TIDY = ['--expose-gc', '--import', "data:text/javascript,process.on('SIGUSR2', () => gc())"]

/** Somebody else may take a port between our asking for it and using it. @throws Stop */
export async function openSite() {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open()
    } catch (error) {
      if (!(error instanceof Stop) || attempt === ATTEMPTS) throw error
    }
  }
}

async function open() {
  const dir = mkdtempSync(join(tmpdir(), 'heraldo-soak-'))
  const [redisPort, rep, pub] = [await freePort(), await freePort(), await freePort()]
  const key = randomBytes(16).toString('hex')
  const secret = randomBytes(32).toString('hex')
  const redisUrl = `redis://127.0.0.1:${redisPort}/0`
  const registry = { serve: true, rep: `tcp://127.0.0.1:${rep}`, pub: `tcp://127.0.0.1:${pub}` }
  const file = join(dir, 'gateway.json')
  writeFileSync(
    file,
    JSON.stringify({
      http: { port: 0, keys: [key] },
      redis: { url: redisUrl },
      zeromq: { ingest: null, registry, notifiers: [], unfollowAfterMs: LINGER_MS },
      sessions: [
        { use: 'expressSession', secret, user: ['user'] },
        { use: 'jwt', secret },
      ],
      limits: { perUser: 0, perAddress: 0, handshakesPerSecond: 0, sessionCheckSeconds: 2 },
      log: { level: 'error' },
    }),
  )
  const children = []
  const begin = (...command) => {
    const child = launch(command)
    children.push(child)
    return child
  }
  let redis
  const close = async () => {
    redis?.disconnect()
    await Promise.all(children.map(end))
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    const options = ['--port', `${redisPort}`, '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no']
    const redisServer = begin('redis-server', ...options)
    await said(redisServer, /(Ready to accept)/)
    redis = new Redis(redisUrl)
    const gateway = begin(process.execPath, ...TIDY, join(root, 'dist', 'cli', 'main.js'), 'start', '--config', file)
    const url = await said(gateway, /ready: (http\S+)/)
    const ended = gateway.gone.then(() => {
      throw new Stop('the gateway ended')
    })
    // It does in the end, when nobody waits for it.
    ended.catch(() => {})
    const collectGarbage = () => gateway.kill('SIGUSR2')
    const complaints = () =>
      gateway
        .output()
        .split('\n')
        .filter((line) => line.includes('"level"') && !OUTAGE.test(line))
    return {
      url,
      key,
      secret,
      registry,
      redis,
      pid: gateway.pid,
      redisServer,
      ended,
      collectGarbage,
      complaints,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A loopback port that nobody uses right now. */
async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

function launch([program, ...args]) {
  // Ctrl-C reaches a whole process group; only we decide when the gateway ends.
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  let output = ''
  // It goes on being read, or the program would come to stand.
  child.stdout.on('data', (chunk) => {
    if (output.length < MAX_OUTPUT) output += chunk
  })
  child.output = () => output
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  child.gone = new Promise((resolve) => {
    child.once('exit', resolve)
    child.once('error', resolve)
  })
  return child
}

async function said(child, pattern) {
  const found = new Promise((resolve) => {
    child.stdout.on('data', () => {
      const text = pattern.exec(child.output())?.[1]
      if (text !== undefined) resolve(text)
    })
  })
  const late = setTimeout(() => child.kill('SIGKILL'), START_MS)
  const answer = await Promise.race([found, child.gone.then(() => undefined)])
  clearTimeout(late)
  if (answer === undefined) throw new Stop(`${child.spawnargs[0]} did not start:\n${child.output()}`)
  return answer
}

async function end(child) {
  // A stopped redis-server hears nothing else, and has nothing to save.
  child.kill('SIGCONT')
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), 12_000)
  await child.gone
  clearTimeout(impatience)
}
