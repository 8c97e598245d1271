// npm run fuzz [-- jest arguments]: the fuzz tests of npm test with FUZZ_RUNS cases each, 100,000 unless told.
// FUZZ_SEED repeats a run: the seed stands in the first line.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { main, prepare, root, run } from './prepare.mjs'

const TESTS = join(root, 'test')
const DAY_MS = 86_400_000

await main(async () => {
  const { FUZZ_RUNS = '100000', FUZZ_SEED = `${Math.floor(Math.random() * 2 ** 31)}` } = process.env
  console.log(
    `Fuzzing with ${FUZZ_RUNS} cases each; to repeat it: FUZZ_RUNS=${FUZZ_RUNS} FUZZ_SEED=${FUZZ_SEED} npm run fuzz`,
  )
  await prepare()
  const jest = [join(root, 'node_modules', 'jest', 'bin', 'jest.js'), '--testNamePattern=\\(fuzz\\)$']
  const limits = [`--testTimeout=${DAY_MS}`, '--maxWorkers=2', '--verbose']
  process.exitCode = await run(
    process.execPath,
    [...jest, ...limits, '--runTestsByPath', ...files(), ...process.argv.slice(2)],
    {
      env: {
        ...process.env,
        NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
        FUZZ_RUNS,
        FUZZ_SEED,
      },
    },
  )
})

/** Only these are loaded: most tests of the project start servers. */
function files() {
  return readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join(TESTS, file))
    .filter((file) => readFileSync(file, 'utf8').includes('support/fuzz.ts'))
}
