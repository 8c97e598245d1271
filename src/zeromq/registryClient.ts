import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { Dealer, XSubscriber } from 'zeromq'
import type { Events } from '../core/events.ts'
import type { Clock, Publishers } from '../core/ports.ts'
import { MAX_PUBLISHERS } from '../core/publisherList.ts'
import { CAREFUL, needsIpv6, workOffMailbox } from './context.ts'
import { KnownNotifiers } from './knownNotifiers.ts'
import { Line } from './line.ts'

export interface RegistryClientOptions {
  /** Where the registry answers questions. */
  readonly rep: string
  /** Where it announces changes. */
  readonly pub: string
  readonly clock: Clock
  readonly events: Events
}

export interface RegistryClient extends Publishers {
  /** Does not wait for the registry: whoever it names becomes a change. @throws when an address is no endpoint */
  open(): Promise<void>
  close(): Promise<void>
}

/** Which notifiers there are, as a registry elsewhere tells it. The last good list holds, whatever becomes of it. */
export const registryClient = (options: RegistryClientOptions): RegistryClient => new Client(options)

const SUBSCRIBE = '\u0001'
const QUESTION = JSON.stringify({ type: 'get-publishers' })
const ANSWER_WITHIN_MS = 1_000
const ASK_AGAIN_MS = 5_000
const SILENT_AFTER_TRIES = 3
const REVIVE_AFTER_TRIES = 15
const MAX_MESSAGE_BYTES = 16 * 1_048_576
const AFTER_FAILURE_MS = 100

class Client implements RegistryClient {
  readonly #options: RegistryClientOptions
  readonly #known: KnownNotifiers
  readonly #announcements: XSubscriber
  readonly #questions: Dealer
  readonly #lines: readonly Line[]
  readonly #complained = new Set<'announcement' | 'answer'>()
  #readers: readonly Promise<void>[] = []
  #asked = 0
  #unanswered = 0
  /** An announcement came after the question was asked: it is newer than the answer. */
  #outdated = false
  #cancelNext = () => {}

  constructor(options: RegistryClientOptions) {
    const { rep, pub, clock } = options
    this.#options = options
    this.#known = new KnownNotifiers(clock)
    this.#announcements = new XSubscriber({
      ...CAREFUL,
      maxMessageSize: MAX_MESSAGE_BYTES,
      ipv6: needsIpv6(pub),
      sendTimeout: 0,
    })
    // No REQ: after one lost reply it would never ask again. `immediate`: what is asked of nobody fails at once.
    this.#questions = new Dealer({
      ...CAREFUL,
      maxMessageSize: MAX_MESSAGE_BYTES,
      ipv6: needsIpv6(rep),
      immediate: true,
      sendTimeout: 0,
    })
    const onDown = () => this.#known.doubt()
    this.#lines = [
      new Line(this.#announcements, pub, clock, { onUp: () => this.#subscribe(), onDown }),
      new Line(this.#questions, rep, clock, { onUp: () => this.#ask(), onDown }),
    ]
  }

  addresses(): readonly string[] {
    return this.#known.addresses()
  }

  onChange(listener: () => void): () => void {
    return this.#known.onChange(listener)
  }

  /** Announcements first, the question then: a notifier that comes in between is missed by neither. */
  async open(): Promise<void> {
    this.#subscribe()
    for (const line of this.#lines) line.connect()
    this.#readers = [
      this.#read(this.#announcements, (frames) => this.#hearAnnouncement(frames)),
      this.#read(this.#questions, (frames) => this.#hearAnswer(frames)),
    ]
    this.#ask()
  }

  async close(): Promise<void> {
    this.#cancelNext()
    for (const line of this.#lines) line.close()
    this.#announcements.close()
    this.#questions.close()
    await Promise.all(this.#readers)
    this.#known.close()
  }

  /**
   * To everything. Again whenever the connection is up, because libzmq signals nothing for the first message of one that
   * was made while a reader was waiting: sending makes zeromq.js look for itself.
   */
  #subscribe(): void {
    this.#announcements.send(SUBSCRIBE).catch(() => {})
  }

  #ask(): void {
    if (this.#questions.closed) return
    this.#unanswered++
    this.#outdated = false
    this.#asked++
    workOffMailbox(this.#questions)
    // It fails at once when nobody is there; then it is asked again below.
    this.#questions.send([`${this.#asked}`, '', QUESTION]).catch(() => {})
    this.#next(ANSWER_WITHIN_MS, () => this.#askAgain())
  }

  #askAgain(): void {
    if (this.#unanswered >= SILENT_AFTER_TRIES) this.#complain('answer', 'no answer')
    if (this.#unanswered % REVIVE_AFTER_TRIES === 0) for (const line of this.#lines) line.reconnect('no answer')
    this.#ask()
  }

  #next(ms: number, run: () => void): void {
    this.#cancelNext()
    this.#cancelNext = this.#options.clock.later(ms, run)
  }

  #hearAnnouncement(frames: readonly Buffer[]): void {
    const list = parseList(frames)
    if (list === undefined) {
      this.#complain('announcement', 'an announcement that is no list of addresses')
      return
    }
    this.#complained.delete('announcement')
    this.#outdated = true
    this.#known.replace(list)
  }

  #hearAnswer([id, delimiter, ...body]: readonly Buffer[]): void {
    if (delimiter?.length !== 0 || `${id}` !== `${this.#asked}`) return
    this.#unanswered = 0
    this.#next(ASK_AGAIN_MS, () => this.#ask())
    const list = parseList(body)
    if (list === undefined) {
      this.#complain('answer', 'an answer that is no list of addresses')
      return
    }
    this.#complained.delete('answer')
    if (!this.#outdated) this.#known.replace(list)
  }

  /** Once, until it makes sense again. */
  #complain(about: 'announcement' | 'answer', reason: string): void {
    if (this.#complained.has(about)) return
    this.#complained.add(about)
    this.#options.events.emit('registry.silent', { rep: this.#options.rep, reason })
  }

  async #read(socket: Dealer | XSubscriber, hear: (frames: readonly Buffer[]) => void): Promise<void> {
    while (!socket.closed) {
      try {
        hear(await socket.receive())
      } catch (error) {
        if (socket.closed) return
        this.#options.events.emit('gateway.failed', { during: 'listening to the registry', error })
        await pause(AFTER_FAILURE_MS)
      }
      await nextTurn()
    }
  }
}

/** Undefined: nonsense. What is merely no endpoint is told by whoever would connect to it. */
function parseList(frames: readonly Buffer[]): readonly string[] | undefined {
  if (frames.length !== 1) return undefined
  try {
    const list: unknown = JSON.parse(`${frames[0]}`)
    if (!Array.isArray(list) || list.length > MAX_PUBLISHERS) return undefined
    return list.every((address) => typeof address === 'string') ? list : undefined
  } catch {
    return undefined
  }
}
