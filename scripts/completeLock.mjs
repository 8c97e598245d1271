// After a change of dependencies: node scripts/completeLock.mjs
// npm leaves optional packages of other platforms out of package-lock.json when the registry at hand does not offer
// them, and `npm ci` then refuses the lock everywhere. This writes them in, by name and version.
import { readFileSync, writeFileSync } from 'node:fs'

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32', 'netbsd', 'openbsd', 'sunos', 'aix']
const PROCESSORS = ['arm64', 'x64', 'arm', 'ppc64', 's390x', 'ia32', 'riscv64', 'loong64', 'mips64el', 'wasm32']

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
let added = 0
for (const [parent, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const isExact = /^\d/.test(version)
    const places = [`node_modules/${name}`, `${parent}/node_modules/${name}`]
    if (parent === '' || !isExact || places.some((place) => lock.packages[place]?.version === version)) continue
    const free = places.find((place) => lock.packages[place] === undefined)
    lock.packages[free] = { version, optional: true, ...(dev && { dev }), ...platformOf(name) }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')))
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} packages of other platforms written into package-lock.json`)

/** Native packages carry their platform in their name. */
function platformOf(name) {
  const words = name.split(/[-/@]/)
  const os = SYSTEMS.find((system) => words.includes(system))
  const cpu = PROCESSORS.find((processor) => words.includes(processor))
  const libc = os !== 'linux' ? undefined : words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc'
  return { ...(os && { os: [os] }), ...(cpu && { cpu: [cpu] }), ...(libc && { libc: [libc] }) }
}
