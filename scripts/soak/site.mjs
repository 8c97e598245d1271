// A redis-server and a gateway of our own, on free ports, with their files in a folder of their own.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { root, Stop } from '../prepare.mjs'

const START_MS = 20_000
/** Short, so that filters come and go. */
export const LINGER_MS = 2000

export async function openSite() {
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
      limits: { perUser: 0, perAddress: 0, handshakesPerSecond: 0 },
      log: { level: 'silent' },
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
    const gateway = begin(process.execPath, join(root, 'dist', 'cli', 'main.js'), 'start', '--config', file)
    const url = await said(gateway, /ready: (http\S+)/)
    return { url, key, secret, registry, redis, pid: gateway.pid, gateway, redisServer, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A loopback port that nobody uses right now. */
export async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

function launch([program, ...args]) {
  // Ctrl-C reaches a whole process group; only we decide when the gateway ends.
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
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
  let output = ''
  const found = new Promise((resolve) => {
    child.stdout.on('data', (chunk) => {
      // It goes on being read, or the program would come to stand.
      if (output.length < 100_000) output += chunk
      const text = pattern.exec(output)?.[1]
      if (text !== undefined) resolve(text)
    })
  })
  const late = setTimeout(() => child.kill('SIGKILL'), START_MS)
  const answer = await Promise.race([found, child.gone.then(() => undefined)])
  clearTimeout(late)
  if (answer === undefined) throw new Stop(`${child.spawnargs[0]} did not start:\n${output}`)
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
