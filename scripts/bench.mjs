// npm run bench [-- OPTIONS]: Heraldo beside other gateways, see docs/performance.md. --help names the options.
import { main, prepare } from './prepare.mjs'
import { installPrograms } from './programs.mjs'

await main(async () => {
  await prepare()
  installPrograms(['redis-server'])
  // Only now: it needs the packages.
  const { compare, USAGE } = await import('../benchmarks/compare.mjs')
  const words = process.argv.slice(2)
  if (words.includes('--help')) return console.log(USAGE)
  process.exit((await compare(words)) ? 0 : 1)
})
