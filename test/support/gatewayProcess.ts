import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './redisServer.ts'
import { until } from './until.ts'

export const PROGRAM = 'dist/cli/main.js'
export const KEY = 'a key for tests'
export const JWT_SECRET = 'a secret of at least thirty-two bytes'

/** A program that was started, and what it has said so far. */
export interface Process {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>
  signal(name: NodeJS.Signals): void
  /** SIGTERM, and SIGKILL when that doesn't help. Answers the exit code. */
  stop(): Promise<number | null>
}

export interface GatewayProcess extends Process {
  readonly url: string
  readonly port: number
  readonly registry: { readonly rep: string; readonly pub: string }
  /** For commands: where the gateway is and a key that it takes. */
  readonly configFile: string
}

/** Parts of a configuration; objects are merged one level deep. */
type Parts = Readonly<Record<string, unknown>>

/** `heraldo start` as an operator runs it, on ports of its own. It serves when this resolves. */
export async function startGateway(parts: Parts = {}): Promise<GatewayProcess> {
  await build()
  const config = await testConfig()
  const dir = mkdtempSync(join(tmpdir(), 'heraldo-gateway-'))
  const configFile = join(dir, 'gateway.json')
  writeFileSync(configFile, JSON.stringify(merge(config, parts)))
  const child = startProcess([PROGRAM, 'start', '--config', configFile])
  void child.ended.then(() => rmSync(dir, { recursive: true, force: true }))
  const url = await readyUrl(child)
  const { registry } = config.zeromq
  return { ...child, url, port: Number(new URL(url).port), registry, configFile }
}

/** Waits for the line that says where it serves. Rejects with what it said when it ends instead. */
export async function readyUrl(child: Process): Promise<string> {
  let url: string | undefined
  let hasEnded = false
  void child.ended.then(() => {
    hasEnded = true
  })
  await until('the gateway is ready', () => {
    url = /ready: (http\S+)/.exec(child.stdout())?.[1]
    if (url === undefined && hasEnded) throw new Error(`it ended:\n${child.stdout()}${child.stderr()}`)
    return url !== undefined
  })
  return url ?? ''
}

/** One run of the command line to its end. */
export async function heraldo(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = startProcess([PROGRAM, ...args], { env })
  const code = await child.ended
  return { code, stdout: child.stdout(), stderr: child.stderr() }
}

/** Node with these arguments, out of the test's own environment. `command` replaces Node. */
export function startProcess(
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; command?: string; inGroup?: boolean } = {},
): Process {
  const child = spawn(options.command ?? process.execPath, args, {
    env: { ...cleanEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.inGroup === true,
  })
  const killed = () => child.kill('SIGKILL')
  process.once('exit', killed)
  const stdout: string[] = []
  const stderr: string[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => void stdout.push(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => void stderr.push(text))
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      process.off('exit', killed)
      resolve(code)
    })
  })
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout.join(''),
    stderr: () => stderr.join(''),
    ended,
    signal: (name) => void child.kill(name),
    stop: () => stop(child, ended),
  }
}

/** Ports and secrets of a test's own; nothing outside it is touched. */
export async function testConfig() {
  const [rep, pub] = [await freePort(), await freePort()]
  return {
    http: { port: 0, keys: [KEY] },
    zeromq: {
      ingest: null,
      registry: { serve: true, rep: `tcp://127.0.0.1:${rep}`, pub: `tcp://127.0.0.1:${pub}` },
      notifiers: [],
    },
    sessions: [{ use: 'jwt', secret: JWT_SECRET }],
    log: { level: 'warn' },
  }
}

/** npm test has built already; who runs one file alone gets what is missing. */
export async function build(): Promise<void> {
  await promisify(execFile)(process.execPath, ['scripts/prepare.mjs'], { env: cleanEnvironment() })
}

async function stop(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), 5_000)
  const code = await ended
  clearTimeout(impatience)
  return code
}

/** What jest and npm put into the environment changes how Node and the gateway behave. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(NODE_OPTIONS|npm_.*|HERALDO_.*)$/.test(name))
  return Object.fromEntries(own)
}

function merge(below: Parts, above: Parts): Parts {
  const merged: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const under = merged[key]
    merged[key] = isObject(under) && isObject(value) ? { ...under, ...value } : value
  }
  return merged
}

const isObject = (value: unknown): value is Parts =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
