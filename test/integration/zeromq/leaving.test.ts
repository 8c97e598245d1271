import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../src/memory/clock.ts'
import { createNotifier } from '../../../src/sdk/notifier/index.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { encodeMessage, rawPublisher } from '../../support/rawZmtp.ts'
import { until } from '../../support/until.ts'
import { closers, listOf, testGateway, testNotifier, WIRES } from '../../support/zeromq.ts'
import { zeromqSide } from '../../support/zeromqSide.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

const BURST = 5_000

describe.each(WIRES)('over %s', (_, fast) => {
  /** A gateway that listens to one notifier for user 42. */
  async function pair(clock = systemClock) {
    const notifier = defer(await testNotifier())
    const list = listOf(notifier.address)
    const gateway = await testGateway(list, clock, { fast })
    defer(gateway.input)
    await gateway.input.follow('user:42')
    await until('the notifier knows', () => notifier.told.includes('-!ready|'))
    const burst = async () => {
      for (let n = 0; n < BURST; n++) await notifier.send(`42|${n}`)
    }
    return { ...gateway, notifier, list, burst }
  }

  const numbers = (count: number) => Array.from({ length: count }, (_, n) => `42 <- ${n}`)

  test('whatever a notifier sent before it closed and left the registry arrives', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heraldo-'))
    defer({ close: async () => rmSync(folder, { recursive: true }) })
    const gateway = defer(await zeromqSide(`ipc://${folder}/rep`, `ipc://${folder}/pub`, ['42'], fast))
    const orders = await createNotifier({ name: 'orders', registry: `ipc://${folder}/rep` })
    await orders.ready()
    await Promise.all(Array.from({ length: BURST }, (_, n) => orders.notify('42', { n, pad: 'x'.repeat(500) })))
    await orders.close()
    expect(gateway.directory.list()).toEqual([])
    await until('it was let go', () => gateway.input.status().length === 0)
    expect(gateway.heard).toHaveLength(BURST)
  })

  test('a notifier that is taken off the list is heard to its end, and only then it is said to be gone', async () => {
    const { list, heard, seen, burst, count } = await pair()
    await burst()
    list.set()
    await until('it was let go', () => count('notifier.removed') === 1)
    expect(heard).toEqual(numbers(BURST))
    expect(seen.slice(-2).map(([name]) => name)).toEqual(['notifier.disconnected', 'notifier.removed'])
  })

  test('a notifier that is back on the list while it is heard to its end was never away', async () => {
    const { list, notifier, input, heard, count, burst } = await pair()
    await burst()
    list.set()
    list.set(notifier.address)
    list.set()
    await until('some of it was heard', () => heard.length > 0)
    list.set(notifier.address)
    await input.follow('user:43')
    await until('the new filter has arrived', () => notifier.filters.has('43|'))
    await until('all of it was heard', () => heard.length === BURST)
    // As long as it would take to let it go.
    await new Promise((resolve) => setTimeout(resolve, 250))
    await notifier.send('42|"once"')
    await notifier.send('43|"and once"')
    await until('both were heard', () => heard.length >= BURST + 2)
    expect(heard).toEqual([...numbers(BURST), '42 <- "once"', '43 <- "and once"'])
    expect(notifier.told.filter((word) => word === '+42|')).toHaveLength(1)
    expect(count('notifier.added')).toBe(1)
    expect(count('notifier.disconnected')).toBe(0)
  })

  test('a gateway that closes hears a notifier to its end that has just left', async () => {
    const { list, input, heard, burst } = await pair()
    await burst()
    list.set()
    await input.close()
    expect(heard).toEqual(numbers(BURST))
  })

  test('a notifier that left and goes on talking is let go after ten seconds', async () => {
    const clock = fakeClock()
    const { list, notifier, heard, count } = await pair(clock)
    list.set()
    const talking = setInterval(() => void notifier.send('42|"and another thing"'), 5)
    defer({ close: async () => clearInterval(talking) })
    await until('it is heard for a while', () => heard.length > 50)
    expect(count('notifier.removed')).toBe(0)
    clock.advance(10_000)
    await until('it was let go', () => count('notifier.removed') === 1)
  })

  test('a notifier that ends while users come and go is heard to its last word', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heraldo-'))
    defer({ close: async () => rmSync(folder, { recursive: true }) })
    const notifier = defer(await rawPublisher({ path: `${folder}/socket` }))
    const { input, heard, count } = await testGateway(listOf(notifier.address), systemClock, { fast })
    defer(input)
    await input.follow('user:42')
    await until('the notifier knows', () => notifier.told.includes('-!ready|'))
    await notifier.sendRaw(
      Buffer.concat(Array.from({ length: 2_000 }, (_, n) => encodeMessage(`42|"${n}"`.padEnd(50)))),
    )
    notifier.disconnect()
    for (let n = 0; count('notifier.disconnected') === 0; n++) {
      void input.follow(`user:${n}`)
      input.unfollow(`user:${n - 1}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until('all of it was heard', () => heard.length === 2_000)
  })
})
