import type { Place, Places } from './places.ts'
import type { Hello, Item, Meta, Position } from './wire.ts'

/** What is sent again comes soon after the first time. */
const REMEMBERED_IDS = 1_000
/** Of kept ones, over a reload: more than a snapshot's page. */
const SAVED_IDS = 100

/**
 * What a tab has shown, from one connection to the next, for as long as the same user sits there. All that comes passes
 * here before it is shown.
 */
export class Remembered {
  readonly #places: Places
  #place: Place | undefined
  #saved: Place | undefined
  readonly #ids = new Set<string>()

  constructor(places: Places) {
    this.#places = places
  }

  /** Up to where the user who was greeted has been told; undefined: nobody has been greeted. */
  get position(): Position | undefined {
    return positionOf(this.#place)
  }

  /** What to tell the gateway at the next attempt. Another user's is of another epoch: they get a snapshot. */
  get since(): Position | undefined {
    return positionOf(this.#place ?? this.#places.last())
  }

  /**
   * Answers what of a snapshot has not been shown, oldest first. On a device that the user has never been to that is
   * nothing: there it is no news.
   */
  greeted({ user, mode, position, counts, items = [] }: Hello): readonly Item[] {
    if (user.id !== this.#place?.user) this.#sitDown(user.id)
    const before = this.#place
    const ids = before?.ids ?? []
    // Its `rev` is never lower than the clock of the store when it last changed.
    this.#place = { user: user.id, ...position, at: mode === 'resumed' && before ? before.at : counts.rev, ids }
    if (before === undefined) return []
    return items.filter((item) => isAfter(before, item, position.epoch) && this.#isNewId(item.id, true))
  }

  /** Whether this was not shown before. */
  isNew({ id, at, epoch, seq }: Meta): boolean {
    if (this.#place === undefined || epoch === undefined || seq === undefined) return this.#isNewId(id, false)
    if (epoch === this.#place.epoch && seq <= this.#place.seq) return false
    this.#place = { ...this.#place, epoch, seq, at }
    return this.#isNewId(id, true)
  }

  /** When it has been shown: better twice than never, should the page end in between. */
  save(): void {
    if (this.#place !== undefined && this.#place !== this.#saved) this.#places.save(this.#place)
    this.#saved = this.#place
  }

  /** Ids are scoped by recipient: another user's may be the same. */
  #sitDown(user: string): void {
    this.#place = this.#places.of(user)
    this.#ids.clear()
    for (const id of this.#place?.ids ?? []) this.#ids.add(id)
  }

  /** The oldest ids are forgotten. */
  #isNewId(id: string, isKept: boolean): boolean {
    if (this.#ids.has(id)) return false
    this.#ids.add(id)
    for (const oldest of this.#ids) {
      if (this.#ids.size <= REMEMBERED_IDS) break
      this.#ids.delete(oldest)
    }
    if (isKept && this.#place !== undefined)
      this.#place = { ...this.#place, ids: [...this.#place.ids, id].slice(-SAVED_IDS) }
    return true
  }
}

/**
 * A store that was restarted gives a new epoch to what stands there, and its `seq` goes on; one that lost something gives
 * a `seq` anew, later. So after a new epoch it was there before if both its `seq` and its time say so.
 */
const isAfter = (place: Place, { seq, at }: Item, epoch: string) =>
  seq > place.seq || (epoch !== place.epoch && at > place.at)

const positionOf = (place: Place | undefined): Position | undefined =>
  place === undefined ? undefined : { epoch: place.epoch, seq: place.seq }
