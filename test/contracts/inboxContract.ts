import { benches, type MakeInbox } from './inbox/bench.ts'
import { keeping } from './inbox/keeping.ts'
import { living, overDays } from './inbox/living.ts'
import { marking } from './inbox/marking.ts'
import { reading } from './inbox/reading.ts'
import { ringing } from './inbox/ringing.ts'

/**
 * What every inbox promises (core/ports.ts), whatever stands behind it. Two more belong to it: the property of
 * inbox/model.ts, and `inboxOverDaysContract` where the store's clock can be wound.
 */
export function inboxContract(name: string, make: MakeInbox): void {
  describe(`${name}, as an inbox`, () => {
    const its = benches(make)
    describe('what is kept', () => keeping(its))
    describe('opening and listing', () => reading(its))
    describe('marks', () => marking(its))
    describe('rings', () => ringing(its))
    describe('lives', () => living(its))
  })
}

/** `advance` has to be there. */
export function inboxOverDaysContract(name: string, make: MakeInbox): void {
  describe(`${name}, as an inbox over days`, () => overDays(benches(make)))
}
