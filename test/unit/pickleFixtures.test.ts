import { GatewayError } from '../../src/core/errors.ts'
import { readPickle } from '../../src/sessions/pickle.ts'
import { canonical, pickleFixtures, tagged } from '../fixtures/sessionFixtures.ts'

const good = pickleFixtures.filter(({ expected }) => expected.ok)
const bad = pickleFixtures.filter(({ expected }) => !expected.ok)

test.each(good)('what Python pickled is read as it was: $name', ({ pickle, expected }) => {
  const value = tagged(readPickle(pickle))
  if (expected.value === undefined) expect(value.t).toBeDefined()
  else expect(value).toEqual(canonical(expected.value))
})

test.each(bad)('a pickle that no session needs is refused: $name', ({ pickle, expected }) => {
  let refusal: unknown
  try {
    readPickle(pickle)
  } catch (error) {
    refusal = error
  }
  expect(refusal).toBeInstanceOf(GatewayError)
  expect(expected.acceptErrors ?? [expected.error]).toContain(refusal instanceof GatewayError && refusal.reason)
  expect(globalThis).not.toHaveProperty('PWNED')
})
