import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './until.ts'

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Ends it and removes what it left. Start another one on the same port to see it come back. */
  stop(): Promise<void>
}

const ATTEMPTS = 5

/** A real redis-server, on a port of its own, empty and without persistence unless `args` say otherwise. It answers when this resolves. */
export async function startRedis(options: { port?: number; args?: readonly string[] } = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(options.port ?? (await freePort()), options.args ?? [])
    } catch (error) {
      // Somebody else may have taken the port between asking for it and using it.
      if (options.port !== undefined || attempt === ATTEMPTS) throw error
    }
  }
}

/** A loopback port that nobody uses right now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function launch(port: number, args: readonly string[]): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), 'heraldo-redis-'))
  const child = spawn(
    'redis-server',
    ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no', ...args],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const killed = () => child.kill('SIGKILL')
  process.once('exit', killed)
  const stop = async () => {
    await ended(child)
    process.off('exit', killed)
    await rm(dir, { recursive: true, force: true })
  }
  const output: string[] = []
  child.stdout.on('data', (chunk) => output.push(`${chunk}`))
  child.on('error', (error) => output.push(error.message))
  try {
    await until('redis-server answers', async () => {
      if (hasEnded(child)) throw new Error(`redis-server did not start:\n${output.join('')}`)
      return output.join('').includes('Ready to accept connections') && (await answersPing(port))
    })
  } catch (error) {
    await stop()
    throw error
  }
  return { url: `redis://127.0.0.1:${port}/0`, port, pid: child.pid as number, stop }
}

async function ended(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  // A test may have stopped it with SIGSTOP: only SIGKILL reaches it then, and it has nothing to save.
  child.kill('SIGKILL')
  await exit
}

const hasEnded = (child: ChildProcess) =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => socket.write('PING\r\n'))
    socket.once('data', (data) => done(data.toString().startsWith('+PONG')))
    socket.once('error', () => done(false))
  })
}
