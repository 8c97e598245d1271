/** A story of more users than these nobody reads. */
const MAX_USERS = 1_000

/** Which users got a copy under an id as browsers see it, as long as it is remembered. */
export class IdHolders {
  readonly #users = new Map<string, Set<string>>()

  add(id: string, user: string): void {
    const users = this.#users.get(id) ?? new Set()
    if (users.size < MAX_USERS) users.add(user)
    this.#users.set(id, users)
  }

  remove(id: string, user: string): void {
    const users = this.#users.get(id)
    users?.delete(user)
    if (users?.size === 0) this.#users.delete(id)
  }

  of(id: string): readonly string[] {
    return [...(this.#users.get(id) ?? [])]
  }
}
