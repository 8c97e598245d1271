// npm run build [-- FOLDER]: the gateway and its SDKs into dist, and the browser client as modules and as one file.
import { readFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import * as esbuild from 'esbuild'
import { main, root, run, Stop } from './prepare.mjs'

const INSIDE = [
  'socket.io-client',
  'engine.io-client',
  'socket.io-parser',
  'engine.io-parser',
  '@socket.io/component-emitter',
]

await main(async () => {
  const folder = process.argv[2] ?? join(root, 'dist')
  await compile('tsconfig.build.json', folder)
  await cp(join(root, 'src', 'redis', 'scripts'), join(folder, 'redis', 'scripts'), { recursive: true })
  await compile('client/tsconfig.json', join(folder, 'client'))
  await bundle(join(folder, 'client', 'heraldo.js'))
})

async function compile(project, folder) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const code = await run(process.execPath, [tsc, '-p', project, '--outDir', folder])
  if (code !== 0) throw new Stop(`${project} could not be built (see above).`)
}

/** For a <script> tag: `heraldo.connect`, with the Socket.IO client inside, so that one file is all that a page needs. */
async function bundle(file) {
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: ['client/index.ts'],
    outfile: file,
    bundle: true,
    minify: true,
    format: 'iife',
    globalName: 'heraldo',
    target: 'es2022',
    sourcemap: 'linked',
    banner: {
      js: `/*!
${licences()}
*/`,
    },
    logLevel: 'warning',
  })
}

/** What stands inside brings its licence along: MIT, all of it. */
function licences() {
  const read = (...names) => readFileSync(join(root, ...names, 'LICENSE'), 'utf8').trim()
  const holders = INSIDE.map((name) => /^Copyright .+$/m.exec(read('node_modules', name))?.[0] ?? '')
  return `heraldo/client, with the Socket.IO client inside\n${[...new Set(holders)].join('\n')}\n\n${read()}`
}
