import type { Clock } from '../core/ports.ts'
import { RateLimit } from '../core/rateLimit.ts'

export interface MannerRules {
  readonly clock: Clock
  /** Events; 0: no limit. */
  readonly perSecond: number
  readonly burst: number
}

const STRIKES_PER_MINUTE = 20
/** An event is up to eleven messages, with its attachments. Beyond that somebody floods us with what is no event. */
const MESSAGES_PER_EVENT = 11

/** How often one browser may speak, and be wrong. */
export class Manners {
  readonly #rules: MannerRules
  readonly #messages: RateLimit
  /** Most browsers never say anything once they are in. */
  #events: RateLimit | undefined
  #strikes: RateLimit | undefined

  constructor(rules: MannerRules) {
    this.#rules = rules
    this.#messages = new RateLimit(rules.perSecond * MESSAGES_PER_EVENT, rules.burst * MESSAGES_PER_EVENT)
  }

  /** Whatever a connection makes us answer is bounded from its first message on, not only events. */
  mayMessage(): boolean {
    return this.#messages.take(this.#rules.clock.monotonic())
  }

  mayEvent(): boolean {
    const { clock, perSecond, burst } = this.#rules
    this.#events ??= new RateLimit(perSecond, burst)
    return this.#events.take(clock.monotonic())
  }

  mayErr(): boolean {
    this.#strikes ??= new RateLimit(STRIKES_PER_MINUTE / 60, STRIKES_PER_MINUTE - 1)
    return this.#strikes.take(this.#rules.clock.monotonic())
  }
}
