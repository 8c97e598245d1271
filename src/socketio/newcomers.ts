import { type MannerRules, Manners } from './manners.ts'
import type { Engine } from './tab.ts'

interface Newcomer {
  readonly leaveDoor: () => void
  readonly manners: Manners
  hasAsked: boolean
}

/** Engine.IO connections of nobody that we know yet. */
export class Newcomers {
  readonly #rules: MannerRules
  readonly #here = new Map<Engine, Newcomer>()

  constructor(rules: MannerRules) {
    this.#rules = rules
  }

  /** `leaveDoor` frees its place at the door. */
  receive(engine: Engine, leaveDoor: () => void): void {
    this.#here.set(engine, { leaveDoor, manners: new Manners(this.#rules), hasAsked: false })
  }

  /** May it ask to be let in? Once. */
  mayAsk(engine: Engine): boolean {
    const newcomer = this.#here.get(engine)
    if (newcomer === undefined || newcomer.hasAsked) return false
    newcomer.hasAsked = true
    return true
  }

  manners(engine: Engine): Manners | undefined {
    return this.#here.get(engine)?.manners
  }

  /** It is somebody now, or gone. */
  leave(engine: Engine): void {
    const newcomer = this.#here.get(engine)
    this.#here.delete(engine)
    newcomer?.leaveDoor()
  }
}
