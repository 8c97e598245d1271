// One notifier in a process of its own, so that it can be killed. It sends what it is told and ends with its parent.
import { createNotifier } from 'heraldo/notifier'

const PATIENCE_MS = 60_000

const [name, registry] = process.argv.slice(2)
const notifier = await createNotifier({ name, registry, ttlSeconds: 20 })
// Ctrl-C goes to the whole group; the parent says when we end.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})
process.on('disconnect', () => process.exit())
process.on('message', async ({ to, number }) => {
  if (to === undefined) {
    await notifier.close({ lingerMs: PATIENCE_MS })
    process.exit()
  }
  const sent = to === '*' ? notifier.toEveryone({ to, number }) : notifier.notify(to, { to, number })
  await sent.catch(() => process.send({ failed: number }))
})
await notifier.ready({ timeoutMs: PATIENCE_MS })
process.send({ ready: true })
