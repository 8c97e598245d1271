/** Tells users what time it is: npm run notifier clock -- [--every SECONDS] [USER…] */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createNotifier } from 'heraldo/notifier'

const { every, users } = readWords()

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

const clock = await createNotifier({
  name: 'clock',
  registry: process.env['HERALDO_REGISTRY'] ?? 'tcp://127.0.0.1:20103',
})
console.log(`clock: tells ${users.join(', ')} the time from ${clock.address}`)
while (!stop.signal.aborted) {
  const text = `It is ${new Date().toLocaleTimeString('en-GB')}`
  for (const user of users) await clock.notify(user, { text, from: 'clock' }, { type: 'clock.tick', ttl: 60 })
  await pause(every * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
}
await clock.close()

function readWords() {
  try {
    const options = { every: { type: 'string', default: '5' } } as const
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    const every = Number(values.every)
    if (!(every > 0)) throw new Error(`--every is a number of seconds above 0, not "${values.every}"`)
    return { every, users: positionals.length > 0 ? positionals : ['42', '43'] }
  } catch (error) {
    console.error(`clock: ${error instanceof Error ? error.message : error}`)
    process.exit(2)
  }
}
