import type { Wire } from './wire.ts'

/**
 * What leaves at the end of this turn of the event loop: whatever one browser is told within a turn leaves in one write.
 */
export class Outbox {
  #wires: Wire[] = []

  add(wire: Wire): void {
    if (this.#wires.push(wire) === 1) setImmediate(() => this.#empty())
  }

  #empty(): void {
    const wires = this.#wires
    this.#wires = []
    for (const wire of wires) wire.release()
  }
}
