// Makes a fresh clone runnable: packages installed, sources built, each only when something changed.
// Plain Node without packages, because it runs before there are any. Alone: node scripts/prepare.mjs
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const at = (...names) => join(root, ...names)
const INSTALLED = at('node_modules', '.cache', 'heraldo-installed')
const BUILT = at('node_modules', '.cache', 'heraldo-built')
/** Beside node_modules, which an installation empties. */
const LOCK = at('.prepare.lock')
/** As deep as dist, so that source maps find their sources. */
const NEW_BUILD = at('.cache')
const BUILD = at('scripts', 'build.mjs')
const PAGE = at('src', 'dev', 'public')

/** What ends a script with one sentence instead of a stack. */
export class Stop extends Error {}

/** Packages and build, as far as they are missing or old. @throws Stop */
export async function prepare() {
  requireNode()
  if (isInstalled() && isBuilt()) return
  const unlock = await lock()
  try {
    if (!isInstalled()) await install()
    if (!isBuilt()) await build()
  } finally {
    unlock()
  }
}

/** Runs a script's story; what goes wrong on purpose is one line, exit 1. */
export async function main(story) {
  try {
    await story()
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    console.error(`heraldo: ${error.message}`)
    process.exitCode = 1
  }
}

/** Runs a program to its end, hands signals on to it, and answers its exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options })
    const handOn = (signal) => child.kill(signal)
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, handOn)
    const done = () => {
      for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, handOn)
    }
    child.once('error', (error) => {
      done()
      reject(new Stop(`${command} cannot be run (${error.code})`))
    })
    child.once('close', (code, signal) => {
      done()
      if (signal === 'SIGINT' || signal === 'SIGTERM') process.exit(130)
      resolve(code ?? 1)
    })
  })
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  throw new Stop(`Heraldo needs Node 20.19 or newer; this is ${process.version}.`)
}

const lockDigest = () => digest([at('package-lock.json')])
const isInstalled = () => readStamp(INSTALLED) === lockDigest()

async function install() {
  if (!installedByHand()) {
    console.log('Installing packages …')
    const npm = process.env.npm_execpath
    const command = npm === undefined ? ['npm'] : [process.execPath, npm]
    const code = await run(command[0], [...command.slice(1), 'ci', '--loglevel=error', '--no-progress'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (code !== 0) throw new Stop('the packages could not be installed (npm ci, see above).')
  }
  writeStamp(INSTALLED, lockDigest())
}

/** npm leaves its own lock file where it installed; one that is younger than ours says that somebody ran it already. */
function installedByHand() {
  const [theirs, ours] = [at('node_modules', '.package-lock.json'), at('package-lock.json')]
  return (
    existsSync(theirs) &&
    existsSync(at('node_modules', 'typescript')) &&
    statSync(theirs).mtimeMs >= statSync(ours).mtimeMs
  )
}

const isBuilt = () => readStamp(BUILT) === sourceDigest() && existsSync(at('dist', 'cli', 'main.js'))

async function build() {
  console.log('Building …')
  const wanted = sourceDigest()
  rmSync(NEW_BUILD, { recursive: true, force: true })
  const code = await run(process.execPath, [BUILD, NEW_BUILD])
  if (code !== 0) throw new Stop('the sources could not be built (npm run build, see above).')
  // In one go: what was built before stays whole until then, and nothing of it stays after.
  rmSync(at('dist'), { recursive: true, force: true })
  renameSync(NEW_BUILD, at('dist'))
  writeStamp(BUILT, wanted)
}

/** Two that start at the same time must not install or build into one another. A lock whose owner is gone is taken over. */
async function lock() {
  for (;;) {
    try {
      writeFileSync(LOCK, `${process.pid}`, { flag: 'wx' })
      return () => rmSync(LOCK, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      if (isGone(Number(readStamp(LOCK)))) rmSync(LOCK, { force: true })
      else await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

function isGone(pid) {
  try {
    return pid > 0 && !process.kill(pid, 0)
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

function sourceDigest() {
  const sources = [at('src'), at('client')]
    .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => !file.startsWith(PAGE))
  const settings = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'client/tsconfig.json', 'scripts/build.mjs']
  return digest([...sources.sort(), ...settings.map((file) => at(file))])
}

/** By content, not by time: a checkout makes every file young. */
function digest(files) {
  const hash = createHash('sha256')
  for (const file of files)
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0')
  return hash.digest('hex')
}

function readStamp(file) {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}

function writeStamp(file, text) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(prepare)
