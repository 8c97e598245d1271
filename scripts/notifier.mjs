// npm run notifier NAME -- [ARGUMENTS]: runs notifiers/NAME.ts or notifiers/NAME.py as a process of its own.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { main, prepare, root, run, Stop } from './prepare.mjs'

await main(async () => {
  const [name, ...args] = process.argv.slice(2)
  const scripts = readdirSync(join(root, 'notifiers')).filter((file) => /\.(ts|py)$/.test(file))
  // Where a name stands for two, TypeScript speaks.
  const script = [name, `${name}.ts`, `${name}.py`].find((file) => scripts.includes(file))
  if (script === undefined) return explain(name, scripts)
  const [program, ...words] = script.endsWith('.ts') ? await typescript() : python()
  process.exitCode = await run(program, [...words, join('notifiers', script), ...args])
})

function explain(name, scripts) {
  const complaint = name === undefined ? 'Name a notifier.' : `There is no notifier "${name}".`
  console.error(`${complaint} There are: ${scripts.sort().join(', ')}\nUsage: npm run notifier NAME -- [ARGUMENTS]`)
  process.exitCode = 2
}

/** They import the SDK as any other program does: built. */
async function typescript() {
  await prepare()
  return [process.execPath, '--import', 'tsx']
}

function python() {
  const candidates = [process.env.HERALDO_PYTHON, 'python3', '/usr/bin/python3', 'python'].filter(Boolean)
  const found = candidates.find((candidate) => spawnSync(candidate, ['-c', 'import zmq']).status === 0)
  if (found === undefined) throw new Stop('no Python with pyzmq was found (Debian: apt install python3-zmq).')
  return [found]
}
