// node benchmarks/inboxScript.mjs [KEEPS]: what one kept notification costs the Redis server, beside a bare XADD of the
// same bytes as the control. Counted is the processor time of a Redis of our own (INFO cpu), all of it: reading the
// command, running it, answering; so a busy machine disturbs little. Both arrive in pipelines of 100.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

const KEEPS = Number(process.argv[2] ?? 40_000)
const USERS = 200
const PORT = 20_099
const BODY = JSON.stringify({ text: 'x'.repeat(180) })
const STANDS_MS = 30 * 86_400_000

const folder = mkdtempSync(join(tmpdir(), 'heraldo-benchmark-'))
const server = spawn('redis-server', ['--port', `${PORT}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''])
const redis = new Redis(PORT, '127.0.0.1')
redis.on('error', () => {})
try {
  const control = await round((pipeline, user, i) => pipeline.xadd(`s:${user}`, '*', 'h', '["n1","message",null]', 'b', BODY))
  const empty = await round(await keep(10_000))
  const full = await round(await keep(KEEPS / USERS / 2))
  const index = await round(noted)
  const report = (name, us) => console.log(`${name.padEnd(34)} ${us.toFixed(2)} µs  ${(us / control).toFixed(2)} x`)
  report('bare XADD', control)
  report('keep', empty)
  report('the index of ids, beside it', index)
  report('keep, every second one trims', full)
} finally {
  redis.disconnect()
  server.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

/** Processor time of one command, in microseconds; the first tenth warms up. */
async function round(add) {
  await redis.flushall()
  let before = 0
  for (let i = 0; i < KEEPS; ) {
    if (i === KEEPS / 10) before = await cpu()
    const pipeline = redis.pipeline()
    for (const end = i + 100; i < end; i++) add(pipeline, i % USERS, i)
    for (const [error] of await pipeline.exec()) if (error) throw error
  }
  return (((await cpu()) - before) * 1e6) / (KEEPS * 0.9)
}

async function cpu() {
  const info = await redis.info('cpu')
  return ['sys', 'user'].reduce((sum, kind) => sum + Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(info)?.[1]), 0)
}

async function keep(bound) {
  const files = ['inbox', 'keep'].map((name) => readFileSync(`src/redis/scripts/${name}.lua`, 'utf8'))
  const sha = await redis.script('LOAD', [`local KEEP, STANDS = ${bound}, ${STANDS_MS}\nlocal NOW`, ...files].join('\n'))
  return (pipeline, user, i) => {
    const inbox = `b:inbox:{${user}}`
    const keys = [inbox, `${inbox}:order`, `${inbox}:due`, `${inbox}:forget`]
    const claim = `0:n${i}`
    const own = [`i${claim}`, `${'a'.repeat(22)} 1763750000000`, `${BODY.length} ${claim}`, `["n${i}","message",null]\n${BODY}`]
    pipeline.evalsha(sha, 4, ...keys, `b:to:${user}`, 'a'.repeat(40), `epoch${i}`, ...own)
  }
}

/** As at 10,000 keeps a second: what a gateway notes in a tenth of one is told in 64 parts. */
function noted(pipeline, user, i) {
  if (i % 16 !== 0) return
  const key = `b:ids:20000:${(i / 16) % 64}`
  const members = Array.from({ length: 16 }, (_, part) => `8:n${i + part}${user}`)
  pipeline.zadd(key, ...members.flatMap((member) => [0, member])).pexpireat(key, Date.now() + STANDS_MS)
}
