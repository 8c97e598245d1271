import { Audience } from '../../../src/sdk/notifier/audience.ts'
import { fakeClock } from '../../support/fakeClock.ts'

const subscribe = (topic: string) => Buffer.from(`\u0001${topic}`)
const unsubscribe = (topic: string) => Buffer.from(`\u0000${topic}`)
const nobody = () => 'Nobody came.'

test('a gateway hears when it says so', async () => {
  const audience = new Audience(() => {})
  const heard = audience.untilHeard(1000, fakeClock(), nobody)
  audience.take(subscribe('!heartbeat|'))
  audience.take(subscribe('!ready|'))
  await heard
  audience.take(unsubscribe('!ready|'))
  await audience.untilHeard(1000, fakeClock(), nobody)
})

test('nobody hears any more when the last gateway left, until another comes', async () => {
  let gone = 0
  const clock = fakeClock()
  const audience = new Audience(() => gone++)
  for (const frame of [subscribe('!heartbeat|'), subscribe('!ready|'), unsubscribe('!ready|')]) audience.take(frame)
  audience.take(unsubscribe('!heartbeat|'))
  expect(gone).toBe(1)
  const heard = audience.untilHeard(1000, clock, nobody)
  audience.take(subscribe('!ready|'))
  await heard
  expect(clock.timers).toBe(0)
})

test('who waits in vain hears why', async () => {
  const clock = fakeClock()
  const audience = new Audience(() => {})
  const heard = audience.untilHeard(5000, clock, nobody)
  clock.advance(4999)
  expect(clock.timers).toBe(1)
  clock.advance(1)
  await expect(heard).rejects.toMatchObject({
    code: 'notifier.notReady',
    message: 'No gateway heard within 5000 ms. Nobody came.',
  })
  // Too late for those who gave up, and harmless.
  audience.take(subscribe('!ready|'))
})

test.each([
  ['an empty frame', Buffer.alloc(0)],
  ['a message instead of a subscription', Buffer.from('!ready|')],
  ['a longer topic', subscribe('!ready|x')],
  ['a shorter topic', subscribe('!ready')],
  ['a subscription to everything', subscribe('')],
  ['a user called so', subscribe('%21ready|')],
])('%s is no gateway', async (_, frame) => {
  const clock = fakeClock()
  const audience = new Audience(() => {})
  audience.take(frame)
  const heard = audience.untilHeard(1, clock, nobody)
  clock.advance(1)
  await expect(heard).rejects.toMatchObject({ code: 'notifier.notReady' })
})

test('who waits when the notifier closes waits no longer', async () => {
  const clock = fakeClock()
  const audience = new Audience(() => {})
  const heard = audience.untilHeard(1000, clock, nobody)
  audience.close()
  await expect(heard).rejects.toMatchObject({ code: 'notifier.closed' })
  expect(clock.timers).toBe(0)
})
