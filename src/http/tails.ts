import type { Response } from 'express'
import { type Address, formatRecipient } from '../core/address.ts'
import { GatewayError } from '../core/errors.ts'
import type { Events, GatewayEvents } from '../core/events.ts'
import type { Follows } from '../core/follows.ts'
import type { Clock } from '../core/ports.ts'
import type { RawJson } from '../core/rawJson.ts'
import { Tail } from './tail.ts'

const MAX_TAILS = 16

export interface TailsOptions {
  readonly events: Events
  readonly clock: Clock
  readonly follows: Follows
}

/** Shows what passes to those who tail, as Server-Sent Events. While nobody does it listens to nothing. */
export class Tails {
  readonly #options: TailsOptions
  readonly #open = new Set<Tail>()
  #stopListening: readonly (() => void)[] = []
  #closed = false

  constructor(options: TailsOptions) {
    this.#options = options
  }

  /**
   * Shows what goes to one address, and follows it meanwhile so that it is heard although no browser waits there; or
   * all that passes. The head of the answer leaves when the inputs have been told.
   * @throws GatewayError `draining`, `api.tails`
   */
  async open(address: Address | undefined, response: Response): Promise<void> {
    if (this.#closed) throw new GatewayError('draining')
    if (this.#open.size >= MAX_TAILS) throw new GatewayError('api.tails')
    const { events, clock, follows } = this.#options
    const tail = new Tail(address, response, events, clock)
    if (this.#open.size === 0) this.#stopListening = this.#listen()
    this.#open.add(tail)
    response.on('close', () => this.#remove(tail))
    if (address !== undefined) await follows.follow(address)
    if (this.#open.has(tail)) tail.greet()
  }

  /** Ends every tail. New ones are refused. */
  close(): void {
    this.#closed = true
    for (const tail of this.#open) this.#remove(tail)
  }

  #remove(tail: Tail): void {
    if (!this.#open.delete(tail)) return
    tail.end()
    if (tail.address !== undefined) this.#options.follows.unfollow(tail.address)
    if (this.#open.size === 0) for (const stop of this.#stopListening) stop()
  }

  #listen(): readonly (() => void)[] {
    const { events, clock } = this.#options
    const bodyText = bodyPrinter()
    return [
      events.on('notification.delivered', (facts) =>
        this.#show(facts.notification.to, () => describe(clock.now(), facts, bodyText)),
      ),
      events.on('notification.duplicate', (facts) =>
        this.#show(undefined, () => JSON.stringify({ at: clock.now(), outcome: 'duplicate', ...facts })),
      ),
      events.on('notification.refused', (facts) =>
        this.#show(undefined, () => JSON.stringify({ at: clock.now(), outcome: 'refused', ...facts })),
      ),
    ]
  }

  /** Written once for all who want it and have room, and not at all when nobody does. */
  #show(address: Address | undefined, print: () => string): void {
    let text: string | undefined
    const printOnce = () => {
      text ??= `data: ${print()}\n\n`
      return text
    }
    for (const tail of this.#open) if (tail.address === undefined || tail.address === address) tail.show(printOnce)
  }
}

function describe(
  at: number,
  { notification, connections, input, source }: GatewayEvents['notification.delivered'],
  bodyText: (body: RawJson) => string,
): string {
  const { to, id, type, body } = notification
  const outcome = connections > 0 ? 'delivered' : 'nobody'
  const head = JSON.stringify({ at, outcome, recipient: formatRecipient(to), id, type })
  const tail = JSON.stringify({ connections, input, source })
  return `${head.slice(0, -1)},"body":${bodyText(body)},${tail.slice(1)}`
}

/**
 * A body on one line. It is spliced in as it came: a line break in it can only stand between two tokens, never in a
 * string, and would end the event's line; a blank means the same. The last one is remembered, because a notification
 * for a thousand recipients passes a thousand times.
 */
function bodyPrinter(): (body: RawJson) => string {
  let last: RawJson | undefined
  let text = ''
  return (body) => {
    if (body !== last)
      text = Buffer.from(body.buffer, body.byteOffset, body.length)
        .toString()
        .replace(/[\r\n]/g, ' ')
    last = body
    return text
  }
}
