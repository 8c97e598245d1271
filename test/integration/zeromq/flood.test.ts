import { parseDraft } from '../../../src/core/draft.ts'
import { asGatewayError } from '../../../src/core/errors.ts'
import { Events } from '../../../src/core/events.ts'
import type { Accept } from '../../../src/core/ports.ts'
import { systemClock } from '../../../src/memory/clock.ts'
import { zeromqInput } from '../../../src/zeromq/subscriber.ts'
import { until } from '../../support/until.ts'
import { closers, listOf, testNotifier, WIRES } from '../../support/zeromq.ts'
import { startFlood } from '../../support/zeromqFlood.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

/** Messages: one frame in a quarter of them, two in the others. */
const TOTAL = 600_000
const MIB = 1_048_576

test.each(WIRES)(
  'over %s 1,050,000 frames of garbage are counted, cost no memory and starve nobody',
  async (_, fast) => {
    const flood = defer(await startFlood(TOTAL))
    const good = defer(await testNotifier())
    const events = new Events()
    const refused = new Map<string, number>()
    const refuse = (code: string) => refused.set(code, (refused.get(code) ?? 0) + 1)
    events.on('notification.refused', ({ code, source }) => refuse(`${code} of ${source}`))
    const heard: string[] = []
    const accept: Accept = (submission, { source }) => {
      try {
        parseDraft(submission, 65_536)
      } catch (thrown) {
        const error = asGatewayError(thrown)
        refuse(`${error.code} of ${source}`)
        return { ok: false, id: undefined, error }
      }
      heard.push(`${Buffer.from(submission.body)}`)
      return { ok: true, id: 'x', duplicate: false }
    }
    const publishers = listOf(good.address, flood.address)
    const input = defer(zeromqInput({ publishers, clock: systemClock, events, maxBytes: 65_536, fast }))
    await input.open(accept)
    await input.follow('user:42')
    await until('the good notifier knows', () => good.filters.has('42|'))
    const before = process.memoryUsage().rss
    let peak = before
    let sent = 0
    let longestTurn = 0
    let lastTurn = performance.now()
    const ticking = setInterval(() => {
      const now = performance.now()
      longestTurn = Math.max(longestTurn, now - lastTurn)
      lastTurn = now
      peak = Math.max(peak, process.memoryUsage().rss)
      void good.send(`42|${sent++}`)
    }, 10)

    defer({ close: async () => clearInterval(ticking) })

    await input.follow('everyone')
    const counted = () => [...refused.values()].reduce((sum, n) => sum + n, 0)
    await until('a tenth of it was counted', () => counted() > TOTAL / 10, 60_000)
    const heardDuring = heard.length
    const sentDuring = sent
    await until('all of it was counted', () => counted() === TOTAL, 60_000)
    clearInterval(ticking)
    await until('all good ones have arrived', () => heard.length === sent)

    expect(Object.fromEntries(refused)).toEqual({
      [`draft.notJson of ${flood.address}`]: TOTAL / 4,
      [`draft.frames of ${flood.address}`]: (TOTAL * 3) / 4,
    })
    expect(heard).toEqual(Array.from({ length: sent }, (_, i) => `${i}`))
    expect(heardDuring).toBeGreaterThan(sentDuring / 2)
    expect(longestTurn).toBeLessThan(1_000)
    expect((peak - before) / MIB).toBeLessThan(200)
  },
  90_000,
)
