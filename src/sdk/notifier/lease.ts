import type { Context } from 'zeromq'
import type { Clock } from '../../core/ports.ts'
import { askRegistry } from './registryClient.ts'

const TIMEOUT_MS = 1000
const FIRST_RETRY_MS = 250

export interface Entry {
  readonly registry: string
  readonly address: string
  readonly name: string
  readonly ttlSeconds: number
}

/**
 * This notifier's place in a registry: asked for at once, renewed at a third of its time, asked for again and again
 * while the registry is away. Nothing that a registry does or says stops the notifier.
 */
export class Lease {
  readonly #entry: Entry
  readonly #context: Context
  readonly #clock: Clock
  #cancel: (() => void) | undefined
  #asking: Promise<void> | undefined
  #failures = 0
  #hurry = false
  #problem: string | undefined = 'The registry has not answered yet.'
  #ended = false

  constructor(entry: Entry, context: Context, clock: Clock) {
    this.#entry = entry
    this.#context = context
    this.#clock = clock
    this.renew()
  }

  /** What is wrong with the registry, in a sentence; undefined: we stand in its list. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Asks now, or again right after what is being asked, and begins a new row of tries. */
  renew(): void {
    this.#failures = 0
    this.#hurry = this.#asking !== undefined
    this.#ask()
  }

  /** Takes the entry back, where there is one. Bounded by two questions. */
  async end(): Promise<void> {
    this.#ended = true
    this.#cancel?.()
    await this.#asking
    if (this.#problem !== undefined) return
    const { registry, address } = this.#entry
    await askRegistry(this.#context, registry, { type: 'remove-publisher', address }, TIMEOUT_MS).catch(() => {
      // It forgets us by itself when the lease runs out.
    })
  }

  #ask(): void {
    if (this.#ended || this.#asking !== undefined) return
    this.#cancel?.()
    this.#asking = this.#add().finally(() => {
      this.#asking = undefined
      if (!this.#ended) this.#cancel = this.#clock.later(this.#pauseMs(), () => this.#ask())
      this.#hurry = false
    })
  }

  async #add(): Promise<void> {
    const { registry, address, name, ttlSeconds } = this.#entry
    try {
      const question = { type: 'add-publisher', address, name, ttl: ttlSeconds }
      const addresses = await askRegistry(this.#context, registry, question, TIMEOUT_MS)
      if (!addresses.includes(address)) throw new Error(`The registry at ${registry} did not list ${address}.`)
      this.#problem = undefined
      this.#failures = 0
    } catch (cause) {
      this.#problem = cause instanceof Error ? cause.message : String(cause)
      this.#failures++
    }
  }

  #pauseMs(): number {
    const renewMs = (this.#entry.ttlSeconds * 1000) / 3
    if (this.#hurry) return FIRST_RETRY_MS
    return this.#failures === 0 ? renewMs : Math.min(renewMs, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10))
  }
}
