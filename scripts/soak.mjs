// npm run soak [-- --minutes N]: a real gateway under coming and going for 30 minutes (or SOAK_MINUTES), and whether it
// ends where it began. Exit 1 says what did not.
import { parseArgs } from 'node:util'
import { main, prepare, Stop } from './prepare.mjs'
import { installPrograms } from './programs.mjs'

await main(async () => {
  const minutes = howLong()
  await prepare()
  installPrograms(['redis-server'])
  // Only now: it needs the packages.
  const { soak } = await import('./soak/story.mjs')
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => {
      // Whoever asks twice does not wait; the processes that we started end with us.
      if (stop.signal.aborted) process.exit(130)
      stop.abort()
    })
  const isGood = await soak(minutes * 60_000, stop.signal)
  process.exit(stop.signal.aborted ? 130 : isGood ? 0 : 1)
})

function howLong() {
  const { values } = parseArgs({ options: { minutes: { type: 'string' } } })
  const minutes = Number(values.minutes ?? process.env.SOAK_MINUTES ?? 30)
  if (!(minutes > 0 && minutes <= 10_000)) throw new Stop('--minutes and SOAK_MINUTES are a number of minutes.')
  return minutes
}
