import type { Address } from './address.ts'
import type { Clock, Follower } from './ports.ts'

interface Interest {
  count: number
  /** Cancels the farewell that is under way, if one is. */
  stay: (() => void) | undefined
  /** undefined: it is. */
  ready: Promise<unknown> | undefined
}

/**
 * Which addresses the inputs listen to. The first one who wants an address follows it, the last one who goes unfollows
 * it after a linger, so that a page that reloads does not shake the notifiers. Deciding and issuing happen in one
 * tick: what the inputs were told last is always what is true here.
 */
export class Follows {
  readonly #interests = new Map<Address, Interest>()
  readonly #followers: readonly Follower[]
  readonly #clock: Clock
  readonly #lingerMs: number

  constructor(followers: readonly Follower[], clock: Clock, lingerMs: number) {
    this.#followers = followers
    this.#clock = clock
    this.#lingerMs = lingerMs
  }

  /** Resolves when every input has told its wire. Each call wants one `unfollow`. */
  async follow(address: Address): Promise<void> {
    const interest = this.#interests.get(address)
    if (interest !== undefined) {
      interest.count++
      interest.stay?.()
      interest.stay = undefined
      await interest.ready
      return
    }
    const ready = Promise.all(this.#followers.map((follower) => follower.follow(address)))
    const begun: Interest = { count: 1, stay: undefined, ready }
    this.#interests.set(address, begun)
    await ready
    begun.ready = undefined
  }

  unfollow(address: Address): void {
    const interest = this.#interests.get(address)
    if (interest === undefined || --interest.count > 0) return
    interest.stay = this.#clock.later(this.#lingerMs, () => {
      this.#interests.delete(address)
      for (const follower of this.#followers) follower.unfollow(address)
    })
  }

  /** Nothing is told to anybody any more: the timers end with the gateway. */
  close(): void {
    for (const interest of this.#interests.values()) interest.stay?.()
    this.#interests.clear()
  }

  get size(): number {
    return this.#interests.size
  }
}
