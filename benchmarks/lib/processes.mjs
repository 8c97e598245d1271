// Processes of a benchmark: started on their core, ended with us, and what they cost.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const TICKS_PER_SECOND = 100

/**
 * The gateway has the first core that we may use to itself; receiver, publisher and brokers share the others. `undefined`
 * where nobody can be pinned: on one core alone, or without taskset.
 */
export const cores = shareCores()

const children = new Set()
const folders = []
process.on('exit', () => {
  for (const child of children) signal(child, 'SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(130))

/** A new folder, gone when we are. */
export function ownFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'heraldo-benchmark-'))
  folders.push(folder)
  return folder
}

/** Starts a program on `gateway`'s core or the `others`'; what it says goes to the file `log`. */
export function start(place, command, args, { log, env, cwd, stdio } = {}) {
  const fd = log === undefined ? 'ignore' : openSync(log, 'a')
  const pin = cores === undefined ? [] : ['taskset', '-c', cores[place]]
  const [program, ...rest] = [...pin, command, ...args.map(String)]
  // A group of its own: a key pressed to stop us does not reach it, and what it starts can be ended with it.
  const child = spawn(program, rest, {
    cwd,
    detached: true,
    env: { ...process.env, ...env },
    stdio: stdio ?? ['ignore', fd, fd],
  })
  children.add(child)
  child.once('error', (error) => console.error(`${command} cannot be started: ${error.message}`))
  child.once('exit', () => children.delete(child))
  return child
}

export async function stop(child, graceMs = 5_000) {
  if (child === undefined || !children.has(child)) return
  const isGone = new Promise((resolve) => child.once('exit', resolve))
  signal(child, 'SIGTERM', child.pid)
  await Promise.race([isGone, pause(graceMs, undefined, { ref: false })])
  signal(child, 'SIGKILL')
  await isGone
}

/** To the whole group, unless one process is named. */
function signal(child, name, pid = -child.pid) {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/** Seconds of processor time of these processes, all that they started included. */
export function cpuOf(pids) {
  return sum(treeOf(pids), (pid) => {
    const fields = statOf(pid)
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  })
}

/** Seconds of processor time of one process' main thread. */
export function mainThreadCpuOf(pid) {
  const fields = statOf(`${pid}/task/${pid}`)
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Seconds that this process' main thread could have run and another had its core; 0 where the kernel does not tell. */
export function keptWaiting(pid) {
  const [, nanoseconds = 0] = ignoringGone(() => readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')) ?? []
  return Number(nanoseconds) / 1e9
}

/** Bytes, what is shared between processes counted once. */
export function memoryOf(pids) {
  return sum(treeOf(pids), (pid) => {
    const [, kB] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
    return Number(kB) * 1024
  })
}

export async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** @throws when nobody listens there in time */
export async function listening(port, withinMs = 15_000) {
  for (const end = Date.now() + withinMs; Date.now() < end; await pause(50)) if (await answers(port)) return
  throw new Error(`nobody listens on port ${port}`)
}

export function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)))
}

function answers(port) {
  const socket = connect(port, '127.0.0.1')
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  }).finally(() => socket.destroy())
}

function treeOf(pids) {
  const tree = new Set(pids)
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), Number(ignoringGone(() => statOf(name)[1]))])
  for (let size = 0; size !== tree.size; ) {
    size = tree.size
    for (const [pid, parent] of parents) if (tree.has(parent)) tree.add(pid)
  }
  return [...tree]
}

/** From the third field on: the second, the program's name, may hold anything. */
function statOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

const sum = (pids, measure) => pids.reduce((total, pid) => total + (ignoringGone(() => measure(pid)) ?? 0), 0)

function ignoringGone(read) {
  try {
    return read()
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined
    throw error
  }
}

function shareCores() {
  const allowed = /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  const [gateway, ...others] = allowed.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
  return others.length > 0 && isOnPath('taskset') ? { gateway: `${gateway}`, others: others.join(',') } : undefined
}
