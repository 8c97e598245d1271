import type { Address } from './address.ts'
import type { Sequence } from './notification.ts'

const MAX_SOURCES_PER_ADDRESS = 32

/**
 * Sees holes in what notifiers counted. The first number after we began to follow an address is the baseline; a new
 * epoch begins a new one. Sources are bounded per address: the one that was silent longest is forgotten.
 */
export class Sequences {
  readonly #last = new Map<Address, Map<string, Sequence>>()

  /** How many notifications of this source are missing before this one. */
  missedBefore(address: Address, source: string, next: Sequence): number {
    const sources = this.#last.get(address) ?? new Map<string, Sequence>()
    this.#last.set(address, sources)
    const last = sources.get(source)
    if (last !== undefined && last.epoch === next.epoch && next.seq <= last.seq) return 0
    sources.delete(source)
    sources.set(source, next)
    if (sources.size > MAX_SOURCES_PER_ADDRESS) sources.delete(sources.keys().next().value as string)
    return last === undefined || last.epoch !== next.epoch ? 0 : next.seq - last.seq - 1
  }

  /** Nobody follows this address any more: what comes after is no hole. */
  forget(address: Address): void {
    this.#last.delete(address)
  }

  get size(): number {
    return this.#last.size
  }
}
