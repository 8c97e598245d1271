import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { Publisher, Router } from 'zeromq'
import { asGatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Clock, Directory } from '../core/ports.ts'
import { bind } from './bind.ts'
import { CAREFUL, FLOODED, needsIpv6 } from './context.ts'
import { answer } from './registryRequests.ts'

export interface RegistryOptions {
  readonly directory: Directory
  /** Where questions are answered. */
  readonly rep: string
  /** Where changes are announced. */
  readonly pub: string
  readonly clock: Clock
  readonly events: Events
}

export interface Registry {
  /** @throws StartError names the address which cannot be used */
  open(): Promise<void>
  close(): Promise<void>
}

/** Where notifiers announce themselves and gateways learn of them (PROTOCOL.md §3). */
export const registry = (options: RegistryOptions): Registry => new Server(options)

const KEY = 'zeromq.registry'
const ANNOUNCE_EVERY_MS = 2_000
const MAX_MESSAGE_BYTES = 1_048_576
const AFTER_FAILURE_MS = 100

class Server implements Registry {
  readonly #options: RegistryOptions
  readonly #questions: Router
  readonly #announcements: Publisher
  #answering: Promise<void> = Promise.resolve()
  #isAnnouncing = false
  #stopWatching = () => {}
  #cancelNext = () => {}

  constructor(options: RegistryOptions) {
    const bounds = { maxMessageSize: MAX_MESSAGE_BYTES, sendTimeout: 0 }
    this.#options = options
    // Speaks with a REQ like a REP, but no peer can bring it out of step: a REP whose peer left in the middle of a
    // malformed request swallows the answer to somebody else's.
    this.#questions = new Router({ ...CAREFUL, ...FLOODED, ...bounds, ipv6: needsIpv6(options.rep), mandatory: true })
    this.#announcements = new Publisher({ ...CAREFUL, ...bounds, ipv6: needsIpv6(options.pub) })
  }

  async open(): Promise<void> {
    const { directory, rep, pub, events } = this.#options
    try {
      await bind(this.#announcements, pub, KEY)
      await bind(this.#questions, rep, KEY)
    } catch (error) {
      await this.close()
      throw error
    }
    this.#stopWatching = directory.onChange(() => {
      events.emit('registry.changed', { publishers: directory.addresses().length })
      void this.#announce()
    })
    this.#announceAgainAndAgain()
    this.#answering = this.#answerAll()
  }

  async close(): Promise<void> {
    this.#stopWatching()
    this.#cancelNext()
    this.#questions.close()
    this.#announcements.close()
    await this.#answering
  }

  async #answerAll(): Promise<void> {
    while (!this.#questions.closed) {
      try {
        this.#answer(await this.#questions.receive())
      } catch (error) {
        if (this.#questions.closed) return
        this.#options.events.emit('gateway.failed', { during: 'answering at the registry', error })
        await pause(AFTER_FAILURE_MS)
      }
      // zeromq.js may resolve hundreds of these without leaving the microtasks.
      await nextTurn()
    }
  }

  /** The envelope goes back as it came: who asked, and what it wrote before the empty frame. */
  #answer(frames: readonly Buffer[]): void {
    const delimiter = frames.findIndex(({ length }) => length === 0)
    if (delimiter < 1) return
    const reply = this.#replyTo(frames.slice(delimiter + 1))
    // Who has left, or reads nothing, gets none.
    this.#questions.send([...frames.slice(0, delimiter + 1), JSON.stringify(reply)]).catch(() => {})
  }

  #replyTo(request: readonly Buffer[]): unknown {
    try {
      return answer(request, this.#options.directory)
    } catch (thrown) {
      const { code, message } = asGatewayError(thrown)
      this.#options.events.emit('registry.refused', { code })
      return { error: { code, message } }
    }
  }

  /** The whole list, so that one lost announcement is healed by the next. What changes in one turn goes out together. */
  async #announce(): Promise<void> {
    if (this.#isAnnouncing) return
    this.#isAnnouncing = true
    await nextTurn()
    this.#isAnnouncing = false
    if (this.#announcements.closed) return
    try {
      // A PUB never waits, so no two of these can meet.
      await this.#announcements.send(JSON.stringify(this.#options.directory.addresses()))
    } catch (error) {
      if (this.#announcements.closed) return
      this.#options.events.emit('gateway.failed', { during: 'announcing at the registry', error })
    }
  }

  #announceAgainAndAgain(): void {
    void this.#announce()
    this.#cancelNext = this.#options.clock.later(ANNOUNCE_EVERY_MS, () => this.#announceAgainAndAgain())
  }
}
