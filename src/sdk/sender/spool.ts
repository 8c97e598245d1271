import type { NotifierError } from '../notifier/errors.ts'
import type { Acknowledgement } from './answer.ts'
import type { Request } from './request.ts'

/** A request on its way to its acknowledgement, and perhaps once more after it. */
export interface Entry {
  /** Counts from 1 in the order of the calls. */
  readonly number: number
  readonly request: Request
  /** Who waits for the answer; undefined: it was acknowledged, and is repeated for a store that may have forgotten it. */
  waiting: { acknowledge(answer: Acknowledgement): void; refuse(error: NotifierError): void } | undefined
  sentAt: number
  /** The first acknowledgement by the store that has it now. */
  stored: { readonly by: string; readonly at: number } | undefined
}

/**
 * What waits to be sent and what waits for an answer, in the order of the calls: what goes back to be sent again goes
 * before everything later.
 */
export class Spool {
  #fresh: Entry[] = []
  /** Where `#fresh` begins: to shift a long array is to move it. */
  #first = 0
  readonly #again: Entry[] = []
  #isSorted = true
  readonly #flying = new Map<string, Entry>()

  get isEmpty(): boolean {
    return this.#fresh.length === this.#first && this.#again.length === 0 && this.#flying.size === 0
  }

  get flying(): number {
    return this.#flying.size
  }

  add(entry: Entry): void {
    this.#fresh.push(entry)
  }

  /** Takes out what is to be sent next. One of the same id has to be answered first: answers name nothing but the id. */
  takeNext(now: number): Entry | undefined {
    if (!this.#isSorted) this.#again.sort((a, b) => a.number - b.number)
    this.#isSorted = true
    const next = this.#again[0] ?? this.#fresh[this.#first]
    if (next === undefined || this.#flying.has(next.request.id)) return undefined
    if (this.#again.length > 0) this.#again.shift()
    else this.#skipFirst()
    next.sentAt = now
    this.#flying.set(next.request.id, next)
    return next
  }

  /** The one that was sent first of those without an answer. */
  oldestFlying(): Entry | undefined {
    const [first] = this.#flying.values()
    return first
  }

  /** What this answer may be for: it was sent, and perhaps waits to be sent again. */
  sent(id: string): Entry | undefined {
    return this.#flying.get(id) ?? this.#again.find((entry) => entry.request.id === id)
  }

  /** It is over with this one. */
  remove(entry: Entry): void {
    if (this.#land(entry)) return
    const at = this.#again.indexOf(entry)
    if (at >= 0) this.#again.splice(at, 1)
  }

  /** It was sent, and will be again. */
  putBack(entry: Entry): void {
    if (this.#land(entry)) this.repeat([entry])
  }

  /** Nothing that was sent will be answered any more. */
  putAllBack(): void {
    const entries = [...this.#flying.values()]
    this.#flying.clear()
    this.repeat(entries)
  }

  /** These were acknowledged, and will be sent again all the same. */
  repeat(entries: readonly Entry[]): void {
    for (const entry of entries) this.#again.push(entry)
    this.#isSorted = false
  }

  /** Everything, in the order of the calls. */
  takeAll(): readonly Entry[] {
    this.putAllBack()
    const again = this.#again.splice(0).sort((a, b) => a.number - b.number)
    return [...again, ...this.#fresh.splice(0).slice(this.#first)]
  }

  #skipFirst(): void {
    if (++this.#first * 2 < this.#fresh.length) return
    this.#fresh = this.#fresh.slice(this.#first)
    this.#first = 0
  }

  #land(entry: Entry): boolean {
    return this.#flying.get(entry.request.id) === entry && this.#flying.delete(entry.request.id)
  }
}
