type Listener<Args extends unknown[]> = (...args: Args) => unknown

/** Tells listeners what happened. One that throws, or whose promise rejects, is printed and breaks nothing. */
export class Listeners<Happenings extends { [Name in keyof Happenings]: unknown[] }> {
  readonly #listeners: { [Name in keyof Happenings]?: Set<Listener<Happenings[Name]>> } = {}

  /** Returns what takes the listener away again. */
  on<Name extends keyof Happenings>(name: Name, listener: Listener<Happenings[Name]>): () => void {
    const listeners = this.#listeners[name] ?? new Set()
    this.#listeners[name] = listeners
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  tell<Name extends keyof Happenings>(name: Name, ...args: Happenings[Name]): void {
    for (const listener of [...(this.#listeners[name] ?? [])]) void call(listener, args)
  }
}

/** Never rejects; the listener runs before this returns, up to its own first wait. */
async function call<Args extends unknown[]>(listener: Listener<Args>, args: Args): Promise<void> {
  try {
    await listener(...args)
  } catch (error) {
    console.error(error)
  }
}
