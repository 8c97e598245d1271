import type { Address } from './address.ts'
import type { Sequence } from './notification.ts'

const MAX_COUNTINGS_PER_ADDRESS = 32

/**
 * Sees holes in what notifiers counted. Each source and epoch counts for itself; the first number after we began to
 * follow an address is the baseline. Countings are bounded per address: the one that was silent longest is forgotten.
 */
export class Sequences {
  readonly #last = new Map<Address, Map<string, number>>()

  /** How many notifications of this counting are missing before this one. */
  missedBefore(address: Address, source: string, { epoch, seq }: Sequence): number {
    const countings = this.#last.get(address) ?? new Map<string, number>()
    this.#last.set(address, countings)
    const counting = `${source}\n${epoch}`
    const last = countings.get(counting)
    if (last !== undefined && seq <= last) return 0
    countings.delete(counting)
    countings.set(counting, seq)
    if (countings.size > MAX_COUNTINGS_PER_ADDRESS) countings.delete(countings.keys().next().value as string)
    return last === undefined ? 0 : seq - last - 1
  }

  /** Nobody follows this address any more: what comes after is no hole. */
  forget(address: Address): void {
    this.#last.delete(address)
  }
}
