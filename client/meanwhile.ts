import type { Change, Item, ListQuery, Page } from './wire.ts'

/**
 * What happens while a page of the inbox is asked for: it was read before the answer is here. With this the answer is as
 * new as the moment in which it is given, and a page of items can replace what stood there.
 */
export class Meanwhile {
  readonly #query: ListQuery
  readonly #news: Item[] = []
  readonly #changes = new Map<number, Change>()

  constructor(query: ListQuery) {
    this.#query = query
  }

  heard(item: Item): void {
    if (this.#query.before === undefined) this.#news.unshift(item)
  }

  /** They are absolute: the last one counts. */
  changed(changes: readonly Change[]): void {
    for (const change of changes) this.#changes.set(change.seq, change)
  }

  into({ epoch, items, next }: Page): Page {
    const newest = items[0]?.seq ?? 0
    const all = [...this.#news.filter(({ seq }) => seq > newest), ...items]
    const now = all.flatMap((item) => this.#changedItem(item)).filter((item) => this.#isAskedFor(item))
    return next === undefined ? { epoch, items: now } : { epoch, items: now, next }
  }

  #changedItem(item: Item): Item[] {
    const change = this.#changes.get(item.seq)
    if (change === undefined) return [item]
    if ('deleted' in change) return []
    const { read, seen, archived } = change
    return [{ ...item, read, seen, archived }]
  }

  #isAskedFor({ read, archived }: Item): boolean {
    const { filter = 'all' } = this.#query
    return filter === 'all' || (filter === 'archived' ? archived : !read && !archived)
  }
}
