import type { Events } from './events.ts'

export interface Part {
  close(): Promise<void> | void
}

/** What runs, in the order in which it was started. It is stopped the other way round, once, whatever one part does. */
export class Running {
  readonly #events: Events
  readonly #parts: Part[] = []
  #stopped: Promise<void> | undefined

  constructor(events: Events) {
    this.#events = events
  }

  add<P extends Part>(part: P): P {
    this.#parts.push(part)
    return part
  }

  async open<A extends unknown[]>(part: Part & { open(...wants: A): Promise<void> }, ...wants: A): Promise<void> {
    await part.open(...wants)
    this.add(part)
  }

  /** Never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    for (const part of this.#parts.reverse()) {
      try {
        await part.close()
      } catch (error) {
        this.#events.emit('gateway.failed', { during: 'stop', error })
      }
    }
  }
}
