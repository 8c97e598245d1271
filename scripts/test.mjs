// npm test [-- jest arguments]: the same preparation as npm start, the real programs that the tests talk to, then jest.
// The last line is always `N passed, N failed`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepare, root, run, Stop } from './prepare.mjs'

/** What Debian calls it, and how we see that it is there. */
const PROGRAMS = [
  ['redis-server', 'redis-server', '--version'],
  ['python3', 'python3', '--version'],
  ['chromium', 'chromium', '--version'],
]
const PYTHONS = ['/usr/bin/python3', 'python3', 'python']
const MODULES = [
  ['python3-zmq', 'zmq'],
  ['python3-beaker', 'beaker.session'],
  ['python3-redis', 'redis'],
  ['python3-socketio', 'socketio'],
  ['python3-requests', 'requests'],
  ['python3-websocket', 'websocket'],
  ['python3-repoze.who', 'repoze.who.plugins.auth_tkt'],
]
const POLICY = '/usr/sbin/policy-rc.d'

try {
  await prepare()
  await installPrograms()
  verdict(await runJest(process.argv.slice(2)))
} catch (error) {
  console.error(error instanceof Stop ? `heraldo: ${error.message}` : error)
  verdict({ passed: 0, failed: 1 })
}

function verdict({ passed, failed }) {
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0
  console.log(`${passed} passed, ${failed} failed`)
}

async function runJest(args) {
  const dir = mkdtempSync(join(tmpdir(), 'heraldo-test-'))
  const file = join(dir, 'result.json')
  try {
    // With --json jest writes what people read to stderr.
    const jest = [join(root, 'node_modules', 'jest', 'bin', 'jest.js'), '--json', `--outputFile=${file}`]
    const code = await run(process.execPath, [...jest, '--maxWorkers=2', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' },
    })
    const { passed, failed } = count(file)
    // Whatever made jest unhappy beside its tests is a failure too.
    return { passed, failed: failed === 0 && code !== 0 && passed > 0 ? 1 : failed }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** A file that could not even be run counts as one failure. */
function count(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1 }
  const result = JSON.parse(readFileSync(file, 'utf8'))
  return { passed: result.numPassedTests, failed: result.numFailedTests + result.numRuntimeErrorTestSuites }
}

async function installPrograms() {
  const packages = missing()
  if (packages.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`
  const mayInstall = process.getuid?.() === 0 && works('apt-get', '--version')
  if (!mayInstall) throw new Stop(`the tests need programs that are not here; please run, as root: ${command}`)
  console.log(`Installing what the tests need: ${packages.join(' ')} …`)
  const removePolicy = keepServicesDown()
  try {
    apt('update')
    apt(...command.split(' ').slice(1))
  } finally {
    removePolicy()
  }
  const still = missing()
  if (still.length > 0) throw new Stop(`installed, and still not usable: ${still.join(' ')}`)
}

function missing() {
  const programs = PROGRAMS.filter(([, ...command]) => !works(...command)).map(([name]) => name)
  const python = PYTHONS.find((candidate) =>
    works(candidate, '-c', MODULES.map(([, name]) => `import ${name}`).join('\n')),
  )
  if (python !== undefined) return programs
  const modules = MODULES.filter(([, name]) => !works(PYTHONS[0], '-c', `import ${name}`)).map(([name]) => name)
  return [...programs, ...modules]
}

function works(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 60_000 }).status === 0
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stdout, stderr } = spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8' })
  if (status !== 0) throw new Stop(`apt-get ${args.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}`)
}

/** Debian starts a server when it installs one. The tests start their own; a policy of 101 says: not now. */
function keepServicesDown() {
  if (existsSync(POLICY)) return () => {}
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return () => rmSync(POLICY, { force: true })
}
