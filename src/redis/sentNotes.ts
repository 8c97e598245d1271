import type { Clock } from '../core/ports.ts'

/** What is told of one inbox: seq, to how many devices, how many ms ago. */
export type SentNote = readonly [seq: number, devices: number, agoMs: number]

const TELL_AFTER_MS = 1_000
/** Copies. What is beyond is not noted: it is for a life's story only. */
const MAX_NOTES = 10_000

/** Gathers for a second to how many devices copies were written, and tells it in one go; once, whatever comes of it. */
export class SentNotes {
  readonly #clock: Clock
  readonly #tell: (notes: ReadonlyMap<string, readonly SentNote[]>) => Promise<void>
  #notes = new Map<string, Map<number, { devices: number; readonly at: number }>>()
  #count = 0
  #cancel: (() => void) | undefined

  constructor(clock: Clock, tell: (notes: ReadonlyMap<string, readonly SentNote[]>) => Promise<void>) {
    this.#clock = clock
    this.#tell = tell
  }

  note(user: string, seq: number, devices: number): void {
    const noted = this.#notes.get(user)?.get(seq)
    if (noted !== undefined) {
      noted.devices += devices
      return
    }
    if (this.#count === MAX_NOTES) return
    this.#count++
    const notes = this.#notes.get(user) ?? new Map()
    this.#notes.set(user, notes.set(seq, { devices, at: this.#clock.monotonic() }))
    this.#cancel ??= this.#clock.later(TELL_AFTER_MS, () => void this.flush())
  }

  /** Never rejects: what cannot be told is lost. */
  async flush(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#count === 0) return
    const now = this.#clock.monotonic()
    const told = new Map(
      [...this.#notes].map(([user, notes]) => [
        user,
        [...notes].map(([seq, { devices, at }]) => [seq, devices, Math.round(now - at)] as const),
      ]),
    )
    this.#notes = new Map()
    this.#count = 0
    await this.#tell(told).catch(() => {})
  }

  close(): Promise<void> {
    return this.flush()
  }
}
