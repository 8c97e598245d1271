import type { Hello, Meta } from './wire.ts'

/** What is sent again comes soon after the first time. */
const REMEMBERED_IDS = 1_000

/**
 * What a tab knows from one connection to the next, for as long as the same user sits there. All that comes passes here
 * before it is shown: it is where an inbox keeps its place.
 */
export class Remembered {
  #user: string | undefined
  readonly #ids = new Set<string>()

  /** Ids are scoped by recipient: another user's may be the same. */
  greeted({ user }: Hello): void {
    if (user.id !== this.#user) this.#ids.clear()
    this.#user = user.id
  }

  /** Whether this was not shown before. The oldest ids are forgotten. */
  isNew({ id }: Meta): boolean {
    if (this.#ids.has(id)) return false
    this.#ids.add(id)
    for (const oldest of this.#ids) {
      if (this.#ids.size <= REMEMBERED_IDS) break
      this.#ids.delete(oldest)
    }
    return true
  }
}
