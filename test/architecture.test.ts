import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** Who may import whom. The one picture of the architecture that cannot go stale. Arrows point only up this table. */
const LAYERS: Readonly<Record<string, { readonly folders: readonly string[]; readonly packages: readonly string[] }>> =
  {
    core: { folders: [], packages: [] },
    user: { folders: ['core'], packages: [] },
    notificationPipe: { folders: ['core'], packages: [] },
    gateway: { folders: ['core', 'user', 'notificationPipe'], packages: [] },
    memory: { folders: ['core'], packages: [] },
    redis: { folders: ['core'], packages: ['ioredis'] },
    zeromq: { folders: ['core'], packages: ['zeromq'] },
    sdk: { folders: ['core'], packages: ['zeromq'] },
    sessions: { folders: ['core'], packages: ['jose'] },
    socketio: { folders: ['core'], packages: ['socket.io', 'socket.io-parser', 'ws'] },
    http: { folders: ['core'], packages: ['express'] },
    observers: { folders: ['core'], packages: ['pino', 'prom-client'] },
    config: { folders: [], packages: ['zod'] },
    backend: { folders: ['core', 'config', 'memory', 'redis', 'sessions'], packages: [] },
    server: {
      folders: [
        'backend',
        'core',
        'user',
        'notificationPipe',
        'gateway',
        'memory',
        'redis',
        'zeromq',
        'sessions',
        'socketio',
        'http',
        'observers',
        'config',
      ],
      packages: ['express'],
    },
    index: { folders: ['core', 'config', 'server'], packages: [] },
    dev: { folders: ['core', 'config'], packages: ['express', 'jose'] },
    cli: { folders: ['core', 'config', 'server', 'dev'], packages: ['zeromq'] },
  }

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const layerOf = (file: string) => file.split('/')[0]?.replace(/\.ts$/, '') ?? ''
const IMPORT = /^(?:import|export) (?:[^'=]*? from )?'([^']+)'|\bimport\('([^']+)'\)/gm
const importsOf = (file: string) =>
  [...readFileSync(join('src', file), 'utf8').matchAll(IMPORT)].map(([, name, lazy]) => name ?? lazy ?? '')

test.each(files)('%s imports only what its layer may', (file) => {
  const layer = layerOf(file)
  const rule = LAYERS[layer]
  if (rule === undefined) throw new Error(`${layer} has no line in LAYERS`)
  for (const name of importsOf(file)) {
    if (name.startsWith('.')) expect([layer, ...rule.folders]).toContain(layerOf(normalize(join(dirname(file), name))))
    else if (layer === 'core' || !name.startsWith('node:')) expect(rule.packages).toContain(name)
  }
})

test('every layer of the table exists', () => {
  expect(Object.keys(LAYERS).filter((layer) => !files.some((file) => layerOf(file) === layer))).toEqual([])
})
