import type { Clock, Publishers } from '../core/ports.ts'

const GRACE_MS = 30_000

/**
 * The last good list of a registry elsewhere. One that was restarted knows only who has announced itself since: whoever
 * it misses then stays for as long as a lease may take to be renewed.
 */
export class KnownNotifiers implements Publishers {
  readonly #clock: Clock
  readonly #addresses = new Set<string>()
  /** Not named since the registry was lost; with what calls off their end, once that was set. */
  readonly #doubtful = new Map<string, (() => void) | undefined>()
  readonly #listeners = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  addresses(): readonly string[] {
    return [...this.#addresses]
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The registry was lost: nobody on the list is sure any more until it is named again. */
  doubt(): void {
    for (const address of this.#addresses) if (!this.#doubtful.has(address)) this.#doubtful.set(address, undefined)
  }

  replace(list: readonly string[]): void {
    const named = new Set(list)
    const before = this.#addresses.size
    for (const address of named) {
      this.#trust(address)
      this.#addresses.add(address)
    }
    let changed = this.#addresses.size > before
    for (const address of this.#addresses) {
      if (named.has(address)) continue
      if (this.#doubtful.has(address)) this.#giveGrace(address)
      else changed = this.#addresses.delete(address)
    }
    if (changed) this.#tell()
  }

  close(): void {
    for (const cancel of this.#doubtful.values()) cancel?.()
    this.#doubtful.clear()
    this.#listeners.clear()
  }

  #giveGrace(address: string): void {
    if (this.#doubtful.get(address) !== undefined) return
    const cancel = this.#clock.later(GRACE_MS, () => {
      this.#doubtful.delete(address)
      this.#addresses.delete(address)
      this.#tell()
    })
    this.#doubtful.set(address, cancel)
  }

  #trust(address: string): void {
    this.#doubtful.get(address)?.()
    this.#doubtful.delete(address)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
