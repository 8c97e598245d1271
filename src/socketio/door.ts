import type { EventEmitter } from 'node:events'
import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { asGatewayError, GatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Reception } from '../core/ports.ts'
import { addressOf } from './handshake.ts'
import { shared } from './listeners.ts'

export interface DoorRules {
  /** The transport's. */
  readonly name: string
  readonly origins: readonly string[]
  readonly trustProxy: boolean
  readonly events: Events
  readonly reception: Pick<Reception, 'knock'>
  readonly isDraining: () => boolean
  /** Whom it refuses is refused whatever origin it has. By default it refuses nobody. */
  readonly admits?: (request: IncomingMessage) => boolean
}

/** What a newcomer takes at the door. */
interface Place {
  readonly leave: () => void
  /** By its end we know that it has given up. */
  readonly wire: EventEmitter
  readonly onClose: () => void
}

const NEWCOMERS_A_TURN = 20
const destroy = shared((socket: Socket) => void socket.destroy())

/**
 * What every request passes before Engine.IO sees it, long-polling and WebSocket alike: `cors` keeps no WebSocket out,
 * and Engine.IO's own `allowRequest` would answer a refused upgrade with 400.
 */
export class Door {
  readonly #rules: DoorRules
  readonly #origins: ReadonlySet<string>
  /** The newcomers that Engine.IO has made no connection of yet. */
  readonly #places = new WeakMap<IncomingMessage, Place>()
  /** They have knocked, and wait for a turn of the event loop. */
  #waiting: (() => void)[] = []

  constructor(rules: DoorRules) {
    this.#rules = rules
    this.#origins = new Set(rules.origins)
  }

  /** An Engine.IO middleware. */
  check(request: IncomingMessage, response: unknown, next: () => void): void {
    try {
      const { searchParams } = new URL(request.url ?? '', 'http://localhost')
      if (this.#rules.admits?.(request) === false || this.#isForeign(request)) this.#refuse('origin.forbidden', request)
      if (searchParams.has('j'))
        this.#refuse('origin.forbidden', request, 'JSONP is not spoken here: any page could read it.')
      if (isHandshake(searchParams)) {
        this.#knock(request, response)
        this.#letInLater(request, response, next)
      } else next()
    } catch (thrown) {
      answer(asGatewayError(thrown), request, response)
    }
  }

  /** A connection came of this request. What this returns frees its place: when it was admitted, or is gone. */
  enter(request: IncomingMessage): () => void {
    const place = this.#places.get(request)
    this.#places.delete(request)
    place?.wire.off('close', place.onClose)
    // Whoever owns the connection listens from now on.
    request.socket.off('error', destroy)
    return place?.leave ?? (() => {})
  }

  /**
   * Is it sent by a page that may not connect? A request without an Origin is no browser's, or of the same origin, or
   * made by a tag of any page (`<script>`, `<img>`), with its cookies: only Sec-Fetch-Site tells these apart. Browsers
   * send that to trustworthy addresses alone (HTTPS, localhost); a tag elsewhere can read nothing that we answer.
   */
  #isForeign({ headers }: IncomingMessage): boolean {
    const { origin, 'sec-fetch-site': site } = headers
    if (origin !== undefined) return !this.#origins.has(origin)
    return site !== undefined && site !== 'same-origin' && site !== 'none'
  }

  /** @throws GatewayError `draining`, `limit.connections` */
  #knock(request: IncomingMessage, response: unknown): void {
    const { name, reception, isDraining } = this.#rules
    if (isDraining()) this.#refuse('draining', request)
    const leave = reception.knock(this.#addressOf(request), name)
    // Engine.IO may refuse it still, for reasons of its own.
    const onClose = () => this.enter(request)()
    const wire = response instanceof ServerResponse ? response : request.socket
    wire.once('close', onClose)
    this.#places.set(request, { leave, wire, onClose })
  }

  /** After a restart everybody comes at once, and what is live shall not wait until all of them are in. */
  #letInLater({ socket }: IncomingMessage, response: unknown, next: () => void): void {
    // Of a socket that waits for its upgrade nobody else would hear that it broke, and the process would end.
    if (!(response instanceof ServerResponse)) socket.on('error', destroy)
    if (this.#waiting.length === 0) setImmediate(() => this.#letIn())
    this.#waiting.push(next)
  }

  #letIn(): void {
    const some = this.#waiting.slice(0, NEWCOMERS_A_TURN)
    this.#waiting = this.#waiting.slice(NEWCOMERS_A_TURN)
    if (this.#waiting.length > 0) setImmediate(() => this.#letIn())
    for (const next of some) next()
  }

  #refuse(code: 'origin.forbidden' | 'draining', request: IncomingMessage, message?: string): never {
    const { events, name: transport } = this.#rules
    const remoteAddress = this.#addressOf(request)
    events.emit('connection.refused', { transport, remoteAddress, code, reason: undefined })
    throw new GatewayError(code, message === undefined ? {} : { message })
  }

  #addressOf(request: IncomingMessage): string {
    return addressOf(request, request.socket.remoteAddress, this.#rules.trustProxy)
  }
}

/** Who knows a session's id is here, and has yet to hear its farewell. As in Engine.IO, the last `sid` counts. */
const isHandshake = (query: URLSearchParams) => (query.getAll('sid').at(-1) ?? '') === ''

function answer(error: GatewayError, { socket }: IncomingMessage, response: unknown): void {
  const body = JSON.stringify({ error: error.toPublic() })
  if (response instanceof ServerResponse) {
    response.writeHead(error.status, { 'content-type': 'application/json' }).end(body)
    return
  }
  // Nobody else listens to it any more, and an error without a listener would end the process.
  socket.on('error', destroy)
  socket.write(
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  socket.destroySoon()
}
