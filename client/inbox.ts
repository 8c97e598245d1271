import type { Ask } from './ask.ts'
import type { Happenings, Inbox } from './heraldo.ts'
import type { Listeners } from './listeners.ts'
import { Meanwhile } from './meanwhile.ts'
import type { Remembered } from './remembered.ts'
import type { Counts, Hello, InboxChange, Item, ListQuery, Marked, MarkOp, Meta, Page, Position } from './wire.ts'

/** Nobody adds or subtracts: counts are whole, and within a connection the highest `rev` is the newest. */
export class ClientInbox implements Inbox {
  readonly #ask: Ask
  readonly #listeners: Listeners<Happenings>
  readonly #remembered: Remembered
  readonly #lists = new Set<Meanwhile>()
  #counts: Counts | undefined
  /** Up to which `rev` the page knows every change; undefined: it does not, it could not list. */
  #heardRev: number | undefined

  constructor(ask: Ask, listeners: Listeners<Happenings>, remembered: Remembered) {
    this.#ask = ask
    this.#listeners = listeners
    this.#remembered = remembered
  }

  get counts(): Counts | undefined {
    return this.#counts
  }

  get position(): Position | undefined {
    return this.#remembered.position
  }

  /** Answers whether the page has to list again: who resumes hears what is new, and nothing of what was marked. */
  greeted({ mode, counts }: Hello): boolean {
    const isStale = mode !== 'resumed' || counts.rev !== this.#heardRev
    this.#counts = counts
    this.#heardRev = counts.rev
    return isStale
  }

  heard(body: unknown, { epoch: _, seq, ...meta }: Meta): void {
    if (seq === undefined) return
    const item: Item = { read: false, seen: false, archived: false, ...meta, body, seq }
    for (const list of this.#lists) list.heard(item)
  }

  changed({ rev, counts, changes }: InboxChange): void {
    if (this.#heardRev !== undefined) this.#heardRev = rev
    for (const list of this.#lists) list.changed(changes)
    this.#take(counts)
    if (changes.length > 0) this.#listeners.tell('change', changes)
  }

  async list(query: ListQuery = {}): Promise<Page> {
    const meanwhile = new Meanwhile(query)
    this.#lists.add(meanwhile)
    try {
      const page = await this.#ask('inbox:list', query)
      // Long-polling brings several things at once: what came together with the answer is heard after it.
      await new Promise((resolve) => setTimeout(resolve))
      return meanwhile.into(page)
    } catch (error) {
      this.#heardRev = undefined
      throw error
    } finally {
      this.#lists.delete(meanwhile)
    }
  }

  async mark(op: MarkOp, what: Marked): Promise<Counts> {
    const { counts } = await this.#ask('inbox:mark', { op, ...what })
    this.#take(counts)
    return counts
  }

  #take(counts: Counts): void {
    if (this.#counts !== undefined && counts.rev <= this.#counts.rev) return
    this.#counts = counts
    this.#listeners.tell('counts', counts)
  }
}
