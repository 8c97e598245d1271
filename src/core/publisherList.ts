import { GatewayError } from './errors.ts'
import type { Clock, Publisher } from './ports.ts'

/** What announces itself: with a lease, or for good. */
export interface Announcement {
  readonly address: string
  readonly name?: string | undefined
  readonly ttlMs?: number | undefined
}

export const MAX_PUBLISHERS = 10_000

/** The rules of every directory: who announced itself, for how long, and who wants to know of changes. */
export class PublisherList {
  readonly #clock: Clock
  readonly #publishers = new Map<string, Publisher>()
  readonly #leases = new Map<string, () => void>()
  readonly #listeners = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  addresses(): readonly string[] {
    return [...this.#publishers.keys()]
  }

  list(): readonly Publisher[] {
    return [...this.#publishers.values()]
  }

  get(address: string): Publisher | undefined {
    return this.#publishers.get(address)
  }

  /** Adds it, or renews its lease; what it says now holds. @throws GatewayError `registry.full` */
  add({ address, name, ttlMs }: Announcement): Publisher {
    const known = this.#publishers.get(address)
    if (known === undefined && this.#publishers.size >= MAX_PUBLISHERS) throw new GatewayError('registry.full')
    const now = this.#clock.now()
    const publisher = { address, name: name ?? known?.name, since: known?.since ?? now, lastSeen: now, ttlMs }
    this.#publishers.set(address, publisher)
    this.#endLease(address)
    if (ttlMs !== undefined) {
      this.#leases.set(
        address,
        this.#clock.later(ttlMs, () => this.remove(address)),
      )
    }
    if (known === undefined) this.#changed()
    return publisher
  }

  /** Puts back what was remembered from an earlier life. What announced itself since then knows better. */
  restore(publishers: readonly Publisher[]): void {
    const before = this.#publishers.size
    for (const publisher of publishers) {
      if (this.#publishers.size >= MAX_PUBLISHERS) break
      if (!this.#publishers.has(publisher.address)) this.#publishers.set(publisher.address, publisher)
    }
    if (this.#publishers.size !== before) this.#changed()
  }

  remove(address: string): void {
    this.#endLease(address)
    if (this.#publishers.delete(address)) this.#changed()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** No lease ends any more, and nobody is told anything. */
  close(): void {
    for (const cancel of this.#leases.values()) cancel()
    this.#leases.clear()
    this.#listeners.clear()
  }

  #endLease(address: string): void {
    this.#leases.get(address)?.()
    this.#leases.delete(address)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}
