// npm run check: format, lint, types, unused code. Everything runs; one line of verdict each.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './prepare.mjs'

const CHECKS = [
  ['format and lint', ['@biomejs/biome/bin/biome', 'check']],
  ['promises', ['eslint/bin/eslint.js', 'src', 'client']],
  ['types', ['typescript/bin/tsc', '--noEmit']],
  ['unused code', ['knip/bin/knip.js', '--no-progress']],
]

for (const [name, [program, ...args]] of CHECKS) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'node_modules', program), ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
    maxBuffer: 64 * 1024 * 1024,
  })
  if (status !== 0) {
    process.exitCode = 1
    console.log(`${stdout}${stderr}`.trimEnd())
  }
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}`)
}
