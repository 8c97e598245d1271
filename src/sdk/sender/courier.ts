import type { Clock } from '../../core/ports.ts'
import { NotifierError, notifierError } from '../notifier/errors.ts'
import type { Acknowledgement, Refusal } from './answer.ts'
import { readAnswer } from './answer.ts'
import type { Ears, Line } from './line.ts'
import { Patience } from './patience.ts'
import type { Request } from './request.ts'
import type { Settings } from './senderOptions.ts'
import type { Entry } from './spool.ts'
import { Spool } from './spool.ts'
import { Tail } from './tail.ts'

/** The world around a courier. */
export interface Surroundings {
  readonly clock: Clock
  /** From 0 to below 1. */
  random(): number
  connect(address: string, ears: Ears): Line
}

/** So many failures in a row, and another gateway may do better, even if this one answers. */
const MAX_FAILURES_HERE = 3
/** How long the store has to live on before what it acknowledged counts as safe. */
const SAFE_AFTER_MS = 60_000
/** Who has nothing to say asks so often whether the store still lives: it sends something again that it must know. */
const ASK_EVERY_MS = 10_000
/** Senders do not all repeat at once to a store that has just come back. */
const REPEAT_WITHIN_MS = 500
const BUSY_TICK_MS = 50
const IDLE_TICK_MS = 1000

/**
 * Sends each request until a gateway has acknowledged it or refused it for good, whatever happens to the connection or
 * to gateways: one connection at a time, many requests under way, in order as far as sending again allows.
 */
export class Courier {
  readonly #settings: Settings
  readonly #around: Surroundings
  readonly #spool = new Spool()
  readonly #tail: Tail
  readonly #patience: Patience
  #count = 0
  #spooled = 0
  #spooledBytes = 0
  #line: Line | undefined
  #gateway = 0
  #heardAt = 0
  #store: string | undefined
  #repeatAt: number | undefined
  #isSending = false
  #tick: { readonly at: number; cancel(): void } | undefined
  #onEmpty: (() => void) | undefined
  #isClosed = false

  constructor(settings: Settings, around: Surroundings) {
    this.#settings = settings
    this.#around = around
    this.#tail = new Tail(settings.maxSpooled, settings.maxSpooledBytes)
    this.#patience = new Patience(settings.window, around.random)
  }

  /** @throws NotifierError `spool.full`, at once; `notifier.unacknowledged`, or what a gateway refused it with */
  send(request: Request): Promise<Acknowledgement> {
    const { maxSpooled, maxSpooledBytes } = this.#settings
    const { id, bytes } = request
    // One that is larger than the whole bound still passes, alone.
    if (this.#spooled >= maxSpooled || (this.#spooled > 0 && this.#spooledBytes + bytes > maxSpooledBytes))
      return Promise.reject(notifierError('spool.full', { id }))
    return new Promise((acknowledge, refuse) => {
      this.#spooled++
      this.#spooledBytes += bytes
      const waiting = { acknowledge, refuse }
      this.#spool.add({ number: ++this.#count, request, waiting, sentAt: 0, stored: undefined })
      this.#pump()
    })
  }

  /** Resolves with what was not acknowledged when everything else was, or after `ms`. */
  async close(ms: number): Promise<readonly string[]> {
    const { clock } = this.#around
    this.#repeatNow()
    await new Promise<void>((resolve) => {
      const cancel = clock.later(ms, resolve)
      this.#onEmpty = () => {
        cancel()
        resolve()
      }
      this.#pump()
    })
    this.#isClosed = true
    this.#tick?.cancel()
    this.#line?.close()
    const left = this.#spool.takeAll()
    for (const { waiting, request } of left)
      waiting?.refuse(notifierError('notifier.unacknowledged', { id: request.id }))
    return [...new Set(left.map(({ request }) => request.id))]
  }

  #pump(): void {
    if (this.#isClosed) return
    if (!this.#isSending) void this.#sendAll()
    this.#keepTime()
    if (this.#spool.isEmpty && this.#repeatAt === undefined) this.#onEmpty?.()
  }

  /** One after the other: the socket takes no two at once. */
  async #sendAll(): Promise<void> {
    this.#isSending = true
    for (let next = this.#takeNext(); next !== undefined; next = this.#takeNext()) {
      const line = this.#line ?? this.#connect()
      try {
        await line?.send(next.request.frames)
      } catch {
        this.#lost(line)
      }
    }
    this.#isSending = false
  }

  #takeNext(): Entry | undefined {
    const now = this.#around.clock.monotonic()
    if (this.#isClosed || this.#patience.isPausing(now) || this.#spool.flying >= this.#patience.window) return undefined
    return this.#spool.takeNext(now)
  }

  /** undefined: not even a socket is to be had. That is as if nobody were there. */
  #connect(): Line | undefined {
    const { ingest } = this.#settings
    const address = ingest[this.#gateway % ingest.length] ?? ''
    try {
      const line: Line = this.#around.connect(address, {
        heard: (frame) => this.#hear(line, frame),
        lost: () => this.#lost(line),
      })
      this.#line = line
    } catch {
      this.#lost(undefined)
    }
    return this.#line
  }

  #hear(line: Line, frame: Uint8Array | undefined): void {
    if (line !== this.#line) return
    const answer = readAnswer(frame)
    if (answer === undefined) return
    this.#heardAt = this.#around.clock.monotonic()
    const entry = this.#spool.sent(answer.id)
    if (entry === undefined) return
    if (answer.ok) {
      if (isFor(entry, answer)) this.#acknowledged(entry, answer)
    } else if (answer.retry) this.#postponed(entry)
    else this.#refused(entry, answer)
    this.#pump()
  }

  #acknowledged(entry: Entry, answer: Acknowledgement): void {
    const now = this.#around.clock.monotonic()
    this.#patience.succeeded()
    this.#spool.remove(entry)
    this.#settled(entry)?.acknowledge(answer)
    if (answer.store === undefined || !entry.request.isKept) return
    if (this.#store === undefined || this.#store === answer.store) this.#tail.forgetBefore(now - SAFE_AFTER_MS)
    else this.#storeChanged(now)
    this.#store = answer.store
    if (entry.stored?.by !== answer.store) entry.stored = { by: answer.store, at: now }
    if (now - entry.stored.at < SAFE_AFTER_MS) this.#tail.add(entry)
  }

  #postponed(entry: Entry): void {
    this.#spool.putBack(entry)
    this.#patience.failed(this.#around.clock.monotonic())
    const isHopeless = this.#patience.failures % MAX_FAILURES_HERE === 0
    if (isHopeless && this.#settings.ingest.length > 1) this.#hangUp()
  }

  #refused(entry: Entry, { code, message, recipients }: Refusal): void {
    this.#spool.remove(entry)
    const { id, recipients: names } = entry.request
    const named = recipients?.map((wire) => names.get(wire) ?? wire)
    this.#settled(entry)?.refuse(new NotifierError(code, message, { retry: false, id, recipients: named }))
  }

  /** Who waits for it, once. */
  #settled(entry: Entry): Entry['waiting'] {
    const { waiting } = entry
    if (waiting === undefined) return undefined
    entry.waiting = undefined
    this.#spooled--
    this.#spooledBytes -= entry.request.bytes
    return waiting
  }

  /** Another life of the store: what the earlier one acknowledged may be lost. Nothing newer goes before it. */
  #storeChanged(now: number): void {
    this.#repeatAt ??= now + Math.ceil(REPEAT_WITHIN_MS * this.#around.random())
    this.#patience.pauseUntil(this.#repeatAt)
  }

  #repeatNow(): void {
    if (this.#repeatAt === undefined || this.#store === undefined) return
    this.#repeatAt = undefined
    const now = this.#around.clock.monotonic()
    this.#spool.repeat(this.#tail.takeOthersThan(this.#store).filter((entry) => isNeeded(entry, now)))
  }

  /** The connection is gone: another one, after a pause, to the next gateway. What flew is sent again. */
  #lost(line: Line | undefined): void {
    if (line !== this.#line) return
    if (this.#spool.flying > 0) this.#patience.failed(this.#around.clock.monotonic())
    this.#hangUp()
    this.#pump()
  }

  #hangUp(): void {
    this.#line?.close()
    this.#line = undefined
    this.#gateway++
    this.#spool.putAllBack()
  }

  #look(): void {
    const now = this.#around.clock.monotonic()
    if (this.#repeatAt !== undefined && this.#repeatAt <= now) this.#repeatNow()
    this.#lookForLate(now)
    if (this.#spool.isEmpty && now - this.#heardAt >= ASK_EVERY_MS) {
      const known = this.#tail.takeOldest()
      if (known !== undefined) this.#spool.repeat([known])
    }
    this.#pump()
  }

  #lookForLate(now: number): void {
    const isLate = ({ sentAt }: Entry) => now - sentAt >= this.#settings.timeoutMs
    for (let oldest = this.#spool.oldestFlying(); oldest !== undefined; oldest = this.#spool.oldestFlying()) {
      if (!isLate(oldest)) return
      this.#patience.failed(now)
      // Silence: nobody is there. Answers to others: this one was lost, alone.
      if (this.#heardAt < oldest.sentAt) this.#hangUp()
      else this.#spool.putBack(oldest)
    }
  }

  #keepTime(): void {
    const isBusy = !this.#spool.isEmpty || this.#repeatAt !== undefined
    if (!isBusy && this.#tail.isEmpty) return
    const at = this.#around.clock.monotonic() + (isBusy ? BUSY_TICK_MS : IDLE_TICK_MS)
    if (this.#tick !== undefined && this.#tick.at <= at) return
    this.#tick?.cancel()
    const cancel = this.#around.clock.later(at - this.#around.clock.monotonic(), () => {
      this.#tick = undefined
      this.#look()
    })
    this.#tick = { at, cancel }
  }
}

/** What has expired where it was lost stays away. */
const isNeeded = ({ request: { ttlMs }, stored }: Entry, now: number) =>
  ttlMs === undefined || stored === undefined || now - stored.at < ttlMs

/** A late answer to an earlier one of the same id names other recipients. */
const isFor = ({ request: { recipients } }: Entry, { positions }: Acknowledgement) =>
  positions.size === 0 ||
  (positions.size === recipients.size && [...positions.keys()].every((wire) => recipients.has(wire)))
