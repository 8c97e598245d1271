// npm test [-- jest arguments]: the same preparation as npm start, the real programs that the tests talk to, then jest.
// The last line is always `N passed, N failed`.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepare, root, run, Stop } from './prepare.mjs'
import { installPrograms } from './programs.mjs'

const PROGRAMS = ['redis-server', 'python3', 'chromium']
const MODULES = [
  ['python3-zmq', 'zmq'],
  ['python3-beaker', 'beaker.session'],
  ['python3-redis', 'redis'],
  ['python3-socketio', 'socketio'],
  ['python3-requests', 'requests'],
  ['python3-websocket', 'websocket'],
  ['python3-repoze.who', 'repoze.who.plugins.auth_tkt'],
]

try {
  await prepare()
  installPrograms(PROGRAMS, MODULES)
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
