// npm start: from a fresh clone to the demo page. Words after -- go to `heraldo dev`.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { main, prepare, root } from './prepare.mjs'

await main(async () => {
  await prepare()
  // In this process, not in a child: one that gets the signals itself needs nobody to hand them on.
  const program = join(root, 'dist', 'cli', 'main.js')
  process.argv = [process.execPath, program, 'dev', ...process.argv.slice(2)]
  await import(pathToFileURL(program).href)
})
