/** How far somebody's kept notifications have been shown. */
export interface Place {
  readonly user: string
  readonly epoch: string
  readonly seq: number
  /** By the store's clock, in milliseconds since 1970: what was stored until then has been shown, or was there before. */
  readonly at: number
  /** The last ones that were shown, oldest first. */
  readonly ids: readonly string[]
}

/** What `localStorage` and `sessionStorage` do. */
export interface KeyValueStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

/** Of a device that many share, these came last. */
const USERS = 5

/**
 * Where places outlive the page. Each tab shows everything itself, so its own place counts, which a reload finds in
 * `sessionStorage`; no other tab moves it. A tab that is opened anew begins where the furthest tab of this device is
 * (`localStorage`): what came before has been shown here, and stands in the list.
 */
export class Places {
  readonly #tab: Shelf
  readonly #device: Shelf

  /** A storage of the page's own is the only one. */
  constructor(url: string, storage: KeyValueStorage | null | undefined) {
    const key = `heraldo ${url}`
    this.#tab = new Shelf(key, storage === undefined ? browserStorage('sessionStorage') : storage)
    this.#device = storage === undefined ? new Shelf(key, browserStorage('localStorage')) : this.#tab
  }

  /** Of whoever sat here last: before the gateway has greeted us, nobody knows who it is today. */
  last(): Place | undefined {
    return this.#tab.all()[0] ?? this.#device.all()[0]
  }

  of(user: string): Place | undefined {
    return this.#tab.of(user) ?? this.#device.of(user)
  }

  save(place: Place): void {
    this.#tab.put(place)
    if (this.#device === this.#tab) return
    const furthest = this.#device.of(place.user)
    if (furthest?.epoch !== place.epoch || furthest.seq <= place.seq) this.#device.put(place)
  }
}

/** A few places under one key, the last one first. */
class Shelf {
  readonly #key: string
  readonly #storage: KeyValueStorage | null

  constructor(key: string, storage: KeyValueStorage | null) {
    this.#key = key
    this.#storage = storage
  }

  all(): readonly Place[] {
    try {
      const places: unknown = JSON.parse(this.#storage?.getItem(this.#key) ?? '[]')
      return Array.isArray(places) ? places.filter(isPlace) : []
    } catch {
      // Not ours, or not readable: as if nobody had been here.
      return []
    }
  }

  of(user: string): Place | undefined {
    return this.all().find((place) => place.user === user)
  }

  put(place: Place): void {
    const others = this.all().filter(({ user }) => user !== place.user)
    try {
      this.#storage?.setItem(this.#key, JSON.stringify([place, ...others.slice(0, USERS - 1)]))
    } catch {
      // It is full, or not ours to write: then this page remembers, and the next one begins where this one did.
    }
  }
}

/** A browser that was told to keep nothing throws at the mere mention. Outside of browsers there is none. */
function browserStorage(name: 'localStorage' | 'sessionStorage'): KeyValueStorage | null {
  try {
    const { window } = globalThis as { readonly window?: Readonly<Record<typeof name, KeyValueStorage>> }
    return window?.[name] ?? null
  } catch {
    return null
  }
}

function isPlace(value: unknown): value is Place {
  if (typeof value !== 'object' || value === null) return false
  const { user, epoch, seq, at, ids } = value as Record<keyof Place, unknown>
  return (
    [user, epoch].every((text) => typeof text === 'string') &&
    [seq, at].every((n) => Number.isSafeInteger(n) && Number(n) >= 0) &&
    Array.isArray(ids) &&
    ids.every((id) => typeof id === 'string')
  )
}
