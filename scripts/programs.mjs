// The real programs that tests and soak talk to: whatever is missing is installed, where we may.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { Stop } from './prepare.mjs'

const PYTHONS = ['/usr/bin/python3', 'python3', 'python']
const POLICY = '/usr/sbin/policy-rc.d'

/**
 * Each program goes by its Debian package's name and knows --version; each module is a package and what Python imports.
 * @throws Stop
 */
export function installPrograms(programs, modules = []) {
  const packages = missing(programs, modules)
  if (packages.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`
  const mayInstall = process.getuid?.() === 0 && works('apt-get', '--version')
  if (!mayInstall) throw new Stop(`programs are needed that are not here; please run, as root: ${command}`)
  console.log(`Installing what is needed: ${packages.join(' ')} …`)
  const removePolicy = keepServicesDown()
  try {
    apt('update')
    apt(...command.split(' ').slice(1))
  } finally {
    removePolicy()
  }
  const still = missing(programs, modules)
  if (still.length > 0) throw new Stop(`installed, and still not usable: ${still.join(' ')}`)
}

function missing(programs, modules) {
  const absent = programs.filter((name) => !works(name, '--version'))
  const all = modules.map(([, name]) => `import ${name}`).join('\n')
  if (modules.length === 0 || PYTHONS.some((python) => works(python, '-c', all))) return absent
  return [...absent, ...modules.filter(([, name]) => !works(PYTHONS[0], '-c', `import ${name}`)).map(([name]) => name)]
}

function works(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 60_000 }).status === 0
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stdout, stderr } = spawnSync('apt-get', ['-qq', '-o', 'Acquire::Retries=3', ...args], {
    env,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Stop(`apt-get ${args.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}`)
}

/** Debian starts a server when it installs one. We start our own; a policy of 101 says: not now. */
function keepServicesDown() {
  if (existsSync(POLICY)) return () => {}
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return () => rmSync(POLICY, { force: true })
}
