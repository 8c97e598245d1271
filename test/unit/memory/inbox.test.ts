import fc from 'fast-check'
import { memoryInbox } from '../../../src/memory/inbox.ts'
import { Bench, BOUNDS, type Bounds, copyOf, DAY_MS } from '../../contracts/inbox/bench.ts'
import { expectLikeTheModel, SMALL, stepsOf } from '../../contracts/inbox/model.ts'
import { inboxContract, inboxOverDaysContract } from '../../contracts/inboxContract.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { fuzz } from '../../support/fuzz.ts'

async function make(bounds: Bounds) {
  const clock = fakeClock()
  let epochs = 0
  const inbox = memoryInbox({ clock, newEpoch: () => `epoch number ${++epochs}`, ...bounds })
  return { inbox, clock, advance: clock.advance, follow: async () => {}, close: async () => inbox.close() }
}

inboxContract('memoryInbox', make)
inboxOverDaysContract('memoryInbox', make)

test('whatever happens to an inbox, it answers and rings like the naive model of one (fuzz)', () =>
  fuzz(
    fc.asyncProperty(stepsOf({ windable: true }), async (steps) => {
      const under = await make(SMALL)
      await expectLikeTheModel(under, steps)
      await under.close()
    }),
  ))

test('an inbox that somebody asks about is not forgotten, however empty it is', async () => {
  const { inbox, clock, close } = await make(BOUNDS)
  const { position } = await inbox.open('ann', null)
  for (let day = 0; day < 10 * BOUNDS.days; day++) {
    clock.advance(DAY_MS)
    expect(await inbox.states(['ann'])).toMatchObject([{ position }])
  }
  await close()
})

test('an inbox that nobody uses is forgotten when its notifications and their ids are', async () => {
  const under = await make(BOUNDS)
  const it = new Bench(under)
  await it.keep(copyOf('ann', 'a'))
  await it.inbox.open('bob', null)
  under.clock.advance((BOUNDS.days + 0.5) * DAY_MS)
  expect(await it.inbox.states(['bob'])).toEqual([null])
  expect(it.rings).toMatchObject([{ item: { seq: 1 } }, { changes: [{ seq: 1, deleted: true }] }])
  under.clock.advance(DAY_MS)
  expect(await it.inbox.states(['ann'])).toEqual([null])
  await under.close()
})

test('an id that was forgotten tells the lives of who gets it then', async () => {
  const under = await make(BOUNDS)
  const it = new Bench(under)
  await it.keep(...Array.from({ length: 1_000 }, (_, i) => copyOf(`u${i}`, 'a')))
  await it.pass((BOUNDS.days + 2) * DAY_MS)
  await it.keep(copyOf('ann', 'a'))
  expect((await it.inbox.lives('a')).map(({ user }) => user)).toEqual(['ann'])
  await under.close()
})

test('closing it leaves no timer behind', async () => {
  const { clock, close } = await make(BOUNDS)
  clock.advance(DAY_MS)
  expect(clock.timers).toBe(1)
  await close()
  expect(clock.timers).toBe(0)
})
