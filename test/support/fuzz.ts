import fc from 'fast-check'
import { GatewayError } from '../../src/core/errors.ts'

/** Long enough for a machine that is busy, far below what an attack on the parser's time would take. */
const SOON_MS = 2_000
const { FUZZ_RUNS: runs = '2000', FUZZ_SEED: seed } = process.env
if (!/^[1-9][0-9]*$/.test(runs)) throw new Error('FUZZ_RUNS is a whole number from 1')
const SETTINGS = { numRuns: Number(runs), ...(seed !== undefined && { seed: Number(seed) }) }

/**
 * Holds a property against FUZZ_RUNS cases, 2,000 by default; or a `share` of them where each takes long. What fails is printed with its seed; FUZZ_SEED repeats it.
 * The name of the test ends in `(fuzz)`, by which `npm run fuzz` finds it.
 */
export function fuzz<T>(property: fc.IProperty<T>): void
export function fuzz<T>(property: fc.IAsyncProperty<T>, share?: number): Promise<void>
export function fuzz<T>(property: fc.IProperty<T> | fc.IAsyncProperty<T>, share = 1): void | Promise<void> {
  return fc.assert(property, { ...SETTINGS, numRuns: Math.ceil(SETTINGS.numRuns * share) })
}

/** What a parser says to bytes from outside: its value or its coded refusal, soon. Anything else fails the test. */
export function judged<T>(parse: () => T): T | GatewayError {
  const startedAt = performance.now()
  try {
    return parse()
  } catch (error) {
    if (error instanceof GatewayError && error.code !== 'internal') return error
    throw error
  } finally {
    expectSoon(startedAt)
  }
}

/** The same of what answers later. */
export async function judgedLater<T>(parse: () => Promise<T>): Promise<T | GatewayError> {
  const startedAt = performance.now()
  const [answer] = await Promise.allSettled([parse()])
  return judged(() => {
    expectSoon(startedAt)
    if (answer.status === 'rejected') throw answer.reason
    return answer.value
  })
}

/** Bytes with some of them changed, taken out or put in. */
export const bitten = (whole: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(whole, fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.uint8Array({ maxLength: 2 })), { maxLength: 3 }))
    .map(([bytes, bites]) =>
      bites.reduce((bytes, [where, removed, inserted]) => {
        const at = where % (bytes.length + 1)
        return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)])
      }, Buffer.from(bytes)),
    )

/** Not by `expect`, which would take longer than most parsers. */
function expectSoon(startedAt: number): void {
  const took = performance.now() - startedAt
  if (took > SOON_MS) throw new Error(`an answer after ${took} ms`)
}
