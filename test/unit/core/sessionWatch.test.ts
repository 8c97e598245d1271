import { GatewayError, sessionRefused } from '../../../src/core/errors.ts'
import type { Handshake, Session } from '../../../src/core/session.ts'
import { SessionWatch } from '../../../src/core/sessionWatch.ts'
import { fakeClock } from '../../support/fakeClock.ts'

const MINUTE = 60_000
const handshake: Handshake = {
  cookie: 'sid=1',
  authorization: undefined,
  token: undefined,
  remoteAddress: '10.0.0.1',
  at: 0,
}

/** One tab of user 42, and a store that answers what the test says. */
function vigil(first: Partial<Session> = {}, random = () => 0.5) {
  const clock = fakeClock()
  const state = { asked: [] as Handshake[], ended: [] as string[], answer: (): Session => session() }
  const session = (more: Partial<Session> = {}): Session => ({
    user: { id: '42' },
    via: 'test',
    expiresAt: undefined,
    ...more,
  })
  const watch = new SessionWatch<string>({
    recognise: async (brought) => {
      state.asked.push(brought)
      return state.answer()
    },
    onEnd: (key) => void state.ended.push(key),
    everyMs: MINUTE,
    clock,
    random,
  })
  watch.watch('tab', handshake, session(first))
  const pass = async (ms: number) => {
    clock.advance(ms)
    // What was asked answers in later microtasks.
    for (let i = 0; i < 10; i++) await Promise.resolve()
  }
  return { clock, state, session, watch, pass }
}

const refuse = (error: Error) => () => {
  throw error
}

test('a session is read again every now and then, with the time of that moment', async () => {
  const { state, pass, clock } = vigil()
  await pass(MINUTE - 1)
  expect(state.asked).toEqual([])
  await pass(1)
  expect(state.asked).toEqual([{ ...handshake, at: clock.now() }])
  await pass(MINUTE)
  expect([state.asked.length, state.ended.length]).toEqual([2, 0])
})

test('those who came together are read apart', async () => {
  const early = vigil({}, () => 0)
  const late = vigil({}, () => 0.999)
  await early.pass(45_000)
  await late.pass(74_000)
  expect([early.state.asked.length, late.state.asked.length]).toEqual([1, 0])
  await late.pass(1_000)
  expect(late.state.asked).toHaveLength(1)
})

test('logging out elsewhere ends it', async () => {
  const { state, pass, clock } = vigil()
  state.answer = refuse(sessionRefused('NO_SESSION'))
  await pass(MINUTE)
  expect([state.ended, clock.timers]).toEqual([['tab'], 0])
})

test('it is judged at its end, and goes on when the application has prolonged it', async () => {
  const { state, session, pass, clock } = vigil({ expiresAt: 1_763_750_010_000 })
  state.answer = () => session({ expiresAt: clock.now() + 10_000 })
  await pass(10_000)
  expect([state.asked.length, state.ended.length]).toEqual([1, 0])
  state.answer = refuse(sessionRefused('EXPIRED'))
  await pass(10_000)
  expect(state.ended).toEqual(['tab'])
})

test('a store that is away ends nobody, until the end that is known', async () => {
  const { state, pass } = vigil({ expiresAt: 1_763_750_000_000 + 2 * MINUTE })
  state.answer = refuse(new GatewayError('store.unavailable'))
  await pass(MINUTE)
  for (let i = 0; i < 11; i++) await pass(5_000)
  expect([state.asked.length > 5, state.ended.length]).toEqual([true, 0])
  await pass(5_000)
  expect(state.ended).toEqual(['tab'])
})

test('somebody else under the same credential is not the one who came', async () => {
  const { state, session, pass } = vigil()
  state.answer = () => session({ user: { id: '43' } })
  await pass(MINUTE)
  expect(state.ended).toEqual(['tab'])
})

test('a tab that leaves while it is judged is judged no more', async () => {
  const { state, watch, pass, clock } = vigil()
  state.answer = refuse(sessionRefused('EXPIRED'))
  clock.advance(MINUTE)
  watch.forget('tab')
  await pass(0)
  expect([state.ended.length, clock.timers]).toEqual([0, 0])
})

describe('a fresh token', () => {
  test('counts from then on', async () => {
    const { state, session, watch, pass } = vigil({ expiresAt: 1_763_750_010_000 })
    state.answer = () => session({ expiresAt: 1_763_750_000_000 + 10 * MINUTE })
    expect(await watch.renew('tab', { token: 'fresh' })).toMatchObject({ expiresAt: 1_763_750_000_000 + 10 * MINUTE })
    await pass(MINUTE)
    expect(state.asked.at(-1)).toMatchObject({ token: 'fresh', cookie: undefined })
    expect(state.ended).toEqual([])
  })

  test('of another user, or a forged one, is refused, and the old one stays', async () => {
    const { state, session, watch, pass } = vigil()
    state.answer = () => session({ user: { id: '43' } })
    await expect(watch.renew('tab', { token: 'of 43' })).rejects.toMatchObject({ code: 'session.invalid' })
    state.answer = refuse(sessionRefused('BAD_SIGNATURE'))
    await expect(watch.renew('tab', { token: 'forged' })).rejects.toMatchObject({ code: 'session.invalid' })
    state.answer = () => session()
    await pass(MINUTE)
    expect([state.asked.at(-1)?.cookie, state.ended.length]).toEqual(['sid=1', 0])
  })

  test('for a tab that left meanwhile watches nobody', async () => {
    const { watch, clock } = vigil()
    const renewal = watch.renew('tab', { token: 'fresh' })
    watch.forget('tab')
    await renewal
    expect(clock.timers).toBe(0)
    await expect(watch.renew('tab', { token: 'fresh' })).rejects.toMatchObject({ code: 'session.expired' })
  })
})
