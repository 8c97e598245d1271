import type { UserInbox } from './userInbox.ts'

/** Each inbox is looked at once an hour, whoever uses it: a share of them every minute. */
export const SWEEP_MS = 60_000
const SWEEPS_PER_ROUND = 60

interface Held {
  readonly inbox: UserInbox
  usedAt: number
}

/** Everybody's inboxes. The empty ones that nobody used for a while are forgotten. */
export class UserInboxes {
  readonly #forgetAfterMs: number
  readonly #make: (user: string, now: number) => UserInbox
  readonly #held = new Map<string, Held>()
  #round = this.#held.values()

  constructor(forgetAfterMs: number, make: (user: string, now: number) => UserInbox) {
    this.#forgetAfterMs = forgetAfterMs
    this.#make = make
  }

  /** Somebody uses it. */
  find(user: string, now: number): UserInbox | undefined {
    const held = this.#held.get(user)
    if (held !== undefined) held.usedAt = now
    return held?.inbox
  }

  findOrMake(user: string, now: number): UserInbox {
    const found = this.find(user, now)
    if (found !== undefined) return found
    const inbox = this.#make(user, now)
    this.#held.set(user, { inbox, usedAt: now })
    return inbox
  }

  /** Lets `settle` remove what is due from the next few, and forgets those of them that nobody needs. */
  sweep(now: number, settle: (inbox: UserInbox) => void): void {
    for (let left = Math.ceil(this.#held.size / SWEEPS_PER_ROUND); left > 0; left--) {
      const next = this.#round.next()
      if (next.done) {
        this.#round = this.#held.values()
        return
      }
      const { inbox, usedAt } = next.value
      settle(inbox)
      if (inbox.isEmpty && usedAt + this.#forgetAfterMs <= now) this.#held.delete(inbox.user)
    }
  }
}
