import { maxRequestBytes, printReply, type Refusal, type Request, readRequest } from '../core/envelope.ts'
import { asGatewayError, GatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Clock, Input, Receipt, Submit } from '../core/ports.ts'
import { libzmqRouter } from './libzmqRouter.ts'
import type { Patience } from './reading.ts'
import type { Asker, Router } from './router.ts'
import { isAbstract } from './zmtp/target.ts'
import { zmtpRouter } from './zmtp/zmtpRouter.ts'

export interface ZeromqIngestOptions {
  /** Where the ROUTER listens: `tcp://127.0.0.1:20100`. */
  readonly address: string
  readonly clock: Clock
  readonly events: Events
  /** The largest body of a notification. */
  readonly maxBytes: number
  /** Over our own ZMTP; false: over libzmq. By default true. */
  readonly fast?: boolean | undefined
  /** How many requests may wait for their answer, and how large they may be together. Who comes then comes again. */
  readonly underWay?: { readonly requests: number; readonly bytes: number }
}

/** Notifications whose senders want an answer: DEALER or REQ, one JSON frame or header and body (PROTOCOL.md §2). */
export const zeromqIngest = (options: ZeromqIngestOptions): Input<Submit> => new Ingest(options)

const NAME = 'ingest'
const KEY = 'zeromq.ingest'
const UNDER_WAY = { requests: 10_000, bytes: 67_108_864 }
const CORRELATION_BYTES = 4
const WE_LEAVE: Patience = { quietMs: 100, maxMs: 1_000 }
const ANSWERED_WITHIN_MS = 5_000
const NO_ENVELOPE: readonly Buffer[] = []

class Ingest implements Input<Submit> {
  readonly name = NAME
  readonly #options: ZeromqIngestOptions
  readonly #router: Router
  readonly #maxRequestBytes: number
  readonly #bounds: { readonly requests: number; readonly bytes: number }
  #submit: Submit | undefined
  #requests = 0
  #bytes = 0
  #whenAnswered = () => {}
  #isClosed = false

  constructor(options: ZeromqIngestOptions) {
    const { address, clock, events, maxBytes, fast = true } = options
    this.#options = options
    this.#bounds = options.underWay ?? UNDER_WAY
    this.#maxRequestBytes = maxRequestBytes(maxBytes)
    const router = fast && !isAbstract(address) ? zmtpRouter : libzmqRouter
    this.#router = router({
      address,
      key: KEY,
      // Reaching this ends the connection, so it stands well above what is refused politely.
      maxMessageBytes: 4 * this.#maxRequestBytes,
      clock,
      onMessage: (frames, asker) => void this.#serve(frames, asker),
      onLost: ({ name: source }, reason) => events.emit('reply.dropped', { source, reason }),
      onFault: (during, error) => events.emit('gateway.failed', { during: `${during} at ${NAME}`, error }),
    })
  }

  /** @throws StartError names the address when it cannot be had */
  async open(submit: Submit): Promise<void> {
    this.#submit = submit
    await this.#router.open()
  }

  /** Hands over what has arrived; answers it within some seconds, and whatever comes meanwhile with `draining`. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#router.drain(WE_LEAVE)
    this.#submit = undefined
    await this.#answered()
    await this.#router.close()
  }

  /** Runs into `submit` without waiting, so that requests keep their order. Never rejects. */
  async #serve(frames: readonly Buffer[], asker: Asker): Promise<void> {
    const arrivedAt = this.#options.clock.monotonic()
    const { envelope, parts } = open(frames)
    const submit = this.#submit
    const request = this.#judge(parts)
    if (!request.ok) return this.#refuse(envelope, asker, request)
    if (submit === undefined) return this.#refuse(envelope, asker, refused(new GatewayError('draining'), request.id))
    const size = (parts[0]?.length ?? 0) + (parts[1]?.length ?? 0)
    this.#requests++
    this.#bytes += size
    let receipt: Receipt
    try {
      receipt = await submit(request.submission, { input: NAME, source: asker.name, arrivedAt, reach: 'one-node' })
    } catch (thrown) {
      receipt = { ok: false, id: request.id, error: this.#announced(thrown) }
    }
    this.#requests--
    this.#bytes -= size
    answer(asker, envelope, printReply(request.id, receipt))
    if (this.#requests === 0) this.#whenAnswered()
  }

  /** The id is read whatever is wrong, because the sender of many asks which one it was. */
  #judge(parts: readonly Buffer[]): Request {
    const [first, body] = parts
    if (first === undefined) return refused(new GatewayError('draft.frames', { message: FRAMES }))
    if (first.length > this.#maxRequestBytes) return refused(new GatewayError('draft.tooLarge'))
    const request = readRequest(first, body)
    const { id } = request
    if (parts.length > 2) return refused(new GatewayError('draft.frames', { message: FRAMES }), id)
    if (body !== undefined && body.length > this.#maxRequestBytes)
      return refused(new GatewayError('draft.tooLarge'), id)
    if (!request.ok) return request
    const { requests, bytes } = this.#bounds
    if (this.#requests < requests && this.#bytes < bytes) return request
    return refused(new GatewayError('ingest.busy'), id)
  }

  #refuse(envelope: readonly Buffer[], asker: Asker, refusal: Refusal): void {
    const error = this.#announced(refusal.error)
    this.#options.events.emit('notification.refused', { input: NAME, source: asker.name, code: error.code })
    answer(asker, envelope, printReply(refusal.id, refusal))
  }

  #announced(thrown: unknown): GatewayError {
    const error = asGatewayError(thrown)
    if (error.code === 'internal')
      this.#options.events.emit('gateway.failed', { during: `a request at ${NAME}`, error: error.cause })
    return error
  }

  async #answered(): Promise<void> {
    if (this.#requests === 0) return
    await new Promise<void>((resolve) => {
      const giveUp = this.#options.clock.later(ANSWERED_WITHIN_MS, resolve)
      this.#whenAnswered = () => {
        giveUp()
        resolve()
      }
    })
  }
}

const FRAMES = 'A request is one frame of JSON, or two: a JSON header and the body.'

/** The envelope goes back as it came. */
function answer(asker: Asker, envelope: readonly Buffer[], reply: string): void {
  const frame = Buffer.from(reply)
  asker.answer(envelope.length === 0 ? [frame] : [...envelope, frame])
}

/**
 * Takes apart what a ROUTER hears: from a REQ an empty frame, before it perhaps the number by which it tells replies
 * apart; then the request. A frame that stands alone is the request, be it empty.
 */
function open(frames: readonly Buffer[]): { envelope: readonly Buffer[]; parts: readonly Buffer[] } {
  const [first, second] = frames
  if (first?.length === 0 && frames.length > 1) return cut(frames, 1)
  const isCorrelated = first?.length === CORRELATION_BYTES && second?.length === 0 && frames.length > 2
  return isCorrelated ? cut(frames, 2) : { envelope: NO_ENVELOPE, parts: frames }
}

const cut = (frames: readonly Buffer[], at: number) => ({ envelope: frames.slice(0, at), parts: frames.slice(at) })
const refused = (error: GatewayError, id?: string): Refusal => ({ ok: false, id, error })
