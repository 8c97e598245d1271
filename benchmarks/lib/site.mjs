import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { cpuOf as cpuOfAll, freePort } from './processes.mjs'

export const SECRET = 'a secret of at least thirty-two bytes'
export const KEY = 'a key for benchmarks'

/** A Redis and a gateway of our own, each a process; `parts` are added to the gateway's configuration. */
export async function openSite(parts = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'heraldo-benchmark-'))
  const [redisPort, ingestPort, rep, pub] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const redis = spawn('redis-server', ['--port', `${redisPort}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''])
  const redisUrl = `redis://127.0.0.1:${redisPort}`
  const ingest = `tcp://127.0.0.1:${ingestPort}`
  const registry = { serve: true, rep: `tcp://127.0.0.1:${rep}`, pub: `tcp://127.0.0.1:${pub}` }
  const config = {
    http: { port: 0, keys: [KEY] },
    redis: { url: redisUrl },
    zeromq: { ingest, registry, notifiers: [] },
    sessions: [{ use: 'jwt', secret: SECRET }],
    log: { level: 'error' },
    ...parts,
  }
  const file = join(folder, 'gateway.json')
  writeFileSync(file, JSON.stringify(config))
  await pause(500)
  const gateway = spawn(process.execPath, ['dist/cli/main.js', 'start', '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await new Promise((resolve, reject) => {
    gateway.stdout.on('data', (text) => resolve(/ready: (\S+)/.exec(`${text}`)?.[1]))
    gateway.once('exit', () => reject(new Error('the gateway ended')))
  })
  return {
    url,
    redisUrl,
    ingest,
    pid: gateway.pid,
    async close() {
      gateway.kill('SIGKILL')
      redis.kill('SIGKILL')
      await pause(100)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Seconds of processor time of a process, all its threads. */
export const cpuOf = (pid) => cpuOfAll([pid])

export function rssMbOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}
