// Tails, registrations that run out, and a Redis that stands still.
import { between, loop, oneOf, rest } from './loop.mjs'
import { ask } from './witness.mjs'

export const tails = ({ site, ledger }, over) =>
  loop(
    over,
    () => between(500, 2000),
    async () => {
      const end = new AbortController()
      const query = Math.random() < 0.5 ? '' : `?recipient=${oneOf(ledger.users) ?? 'nobody'}`
      const headers = { authorization: `Bearer ${site.key}`, connection: 'close' }
      const asked = fetch(new URL(`v1/tail${query}`, site.url), { headers, signal: end.signal })
      // Half of them read, half of them don't.
      const reading = asked.then((response) => (Math.random() < 0.5 ? response.text() : undefined)).catch(() => {})
      await rest(between(100, 4000), over)
      end.abort()
      await reading
    },
  )

/** Of notifiers that are not there and never renew. Nobody listens at port 9 of these addresses. */
export const registrations = ({ site }, over) =>
  loop(
    over,
    () => between(1000, 4000),
    async () => {
      const address = `tcp://127.0.0.${Math.ceil(between(1, 250))}:9`
      await ask(site.registry, { type: 'add-publisher', address, name: 'ghost', ttl: Math.ceil(between(0, 3)) })
      await ask(site.registry, oneOf([{ type: 'nonsense' }, { type: 'add-publisher', address: 'nowhere' }, []]))
    },
  )

/** Nobody who is connected may notice. */
export const faults = ({ site }, over) =>
  loop(
    over,
    () => between(10_000, 30_000),
    async () => {
      site.redisServer.kill('SIGSTOP')
      await rest(between(500, 4000), over)
      site.redisServer.kill('SIGCONT')
    },
  )
