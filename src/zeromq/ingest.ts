import { setTimeout as pause } from 'node:timers/promises'
import { Router } from 'zeromq'
import { maxRequestBytes, type Refusal, type Request, readRequest, replyTo } from '../core/envelope.ts'
import { asGatewayError, GatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Clock, Input, Receipt, Submit } from '../core/ports.ts'
import { bind } from './bind.ts'
import { CAREFUL, FLOODED, needsIpv6 } from './context.ts'
import { type Patience, Reading } from './reading.ts'

export interface ZeromqIngestOptions {
  /** Where the ROUTER listens: `tcp://127.0.0.1:20100`. */
  readonly address: string
  readonly clock: Clock
  readonly events: Events
  /** The largest body of a notification. */
  readonly maxBytes: number
  /** How many requests may wait for their answer, and how large they may be together. Who comes then comes again. */
  readonly underWay?: { readonly requests: number; readonly bytes: number }
}

/** Notifications whose senders want an answer: DEALER or REQ, one JSON frame or header and body (PROTOCOL.md §2). */
export const zeromqIngest = (options: ZeromqIngestOptions): Input<Submit> => new Ingest(options)

const NAME = 'ingest'
const KEY = 'zeromq.ingest'
const UNDER_WAY = { requests: 10_000, bytes: 67_108_864 }
const CORRELATION_BYTES = 4
/** A sender may pipeline many requests before it reads its first reply. */
const SEND_HIGH_WATER_MARK = 10_000
const RECEIVE_HIGH_WATER_MARK = 1_000
const WE_LEAVE: Patience = { quietMs: 100, maxMs: 1_000 }
const ANSWERED_WITHIN_MS = 5_000
/** libzmq's own thread writes what was sent, and whoever ends the process does not wait for it. */
const FLUSH_MS = 50
const LINGER_MS = 1_000

class Ingest implements Input<Submit> {
  readonly name = NAME
  readonly #options: ZeromqIngestOptions
  readonly #socket: Router
  readonly #maxRequestBytes: number
  readonly #bounds: { readonly requests: number; readonly bytes: number }
  #submit: Submit | undefined
  #requests = 0
  #bytes = 0
  #whenAnswered = () => {}
  #reading: Reading | undefined

  constructor(options: ZeromqIngestOptions) {
    this.#options = options
    this.#bounds = options.underWay ?? UNDER_WAY
    this.#maxRequestBytes = maxRequestBytes(options.maxBytes)
    this.#socket = new Router({
      ...CAREFUL,
      ...FLOODED,
      linger: LINGER_MS,
      ipv6: needsIpv6(options.address),
      // Who has left is reported, not passed over; who comes back under its old name gets its replies.
      mandatory: true,
      handover: true,
      // Nobody waits for a peer that does not read: what finds no room is dropped, and asked for again.
      sendTimeout: 0,
      sendHighWaterMark: SEND_HIGH_WATER_MARK,
      receiveHighWaterMark: RECEIVE_HIGH_WATER_MARK,
      // Reaching this ends the connection, so it stands well above what is refused politely.
      maxMessageSize: 4 * this.#maxRequestBytes,
    })
  }

  /** @throws StartError names the address when it cannot be had */
  async open(submit: Submit): Promise<void> {
    try {
      await bind(this.#socket, this.#options.address, KEY)
    } catch (error) {
      this.#socket.close()
      throw error
    }
    this.#submit = submit
    this.#reading = new Reading({
      socket: this.#socket,
      clock: this.#options.clock,
      hear: (frames) => void this.#serve(frames),
      fail: (error) => this.#options.events.emit('gateway.failed', { during: `reading at ${NAME}`, error }),
    })
  }

  /** Hands over what has arrived; answers it within some seconds, and whatever comes meanwhile with `draining`. */
  async close(): Promise<void> {
    if (this.#socket.closed) return
    await this.#reading?.drain(WE_LEAVE)
    this.#submit = undefined
    await this.#answered()
    await pause(FLUSH_MS)
    this.#socket.close()
    await this.#reading?.done
  }

  /** Runs into `submit` without waiting, so that requests keep their order. Never rejects. */
  async #serve(frames: readonly Buffer[]): Promise<void> {
    const arrivedAt = this.#options.clock.monotonic()
    const { envelope, parts } = open(frames)
    const source = nameOf(envelope[0])
    const submit = this.#submit
    const request = this.#judge(parts)
    if (!request.ok) return this.#refuse(envelope, source, request)
    if (submit === undefined) return this.#refuse(envelope, source, refused(new GatewayError('draining'), request.id))
    const size = parts.reduce((sum, { length }) => sum + length, 0)
    this.#requests++
    this.#bytes += size
    let receipt: Receipt
    try {
      receipt = await submit(request.submission, { input: NAME, source, arrivedAt, reach: 'one-node' })
    } catch (thrown) {
      receipt = { ok: false, id: request.id, error: this.#announced(thrown) }
    }
    this.#requests--
    this.#bytes -= size
    this.#send(envelope, source, replyTo(request.id, receipt))
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

  #refuse(envelope: readonly Buffer[], source: string, refusal: Refusal): void {
    const error = this.#announced(refusal.error)
    this.#options.events.emit('notification.refused', { input: NAME, source, code: error.code })
    this.#send(envelope, source, replyTo(refusal.id, refusal))
  }

  #announced(thrown: unknown): GatewayError {
    const error = asGatewayError(thrown)
    if (error.code === 'internal')
      this.#options.events.emit('gateway.failed', { during: `a request at ${NAME}`, error: error.cause })
    return error
  }

  /** The envelope goes back as it came: who asked, and what a REQ wrote before the request. */
  #send(envelope: readonly Buffer[], source: string, reply: object): void {
    if (this.#socket.closed) return
    this.#socket.send([...envelope, JSON.stringify(reply)]).catch((error: unknown) => {
      const reason = LOST.get(codeOf(error))
      if (reason !== undefined) this.#options.events.emit('reply.dropped', { source, reason })
      else if (!this.#socket.closed)
        this.#options.events.emit('gateway.failed', { during: `answering at ${NAME}`, error })
    })
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
const LOST: ReadonlyMap<unknown, 'full' | 'gone'> = new Map([
  ['EAGAIN', 'full'],
  ['EHOSTUNREACH', 'gone'],
])

/**
 * Takes apart what a ROUTER hears: who asks; from a REQ an empty frame, before it perhaps the number by which it tells
 * replies apart; the request. A frame that stands alone is the request, be it empty.
 */
function open(frames: readonly Buffer[]): { envelope: readonly Buffer[]; parts: readonly Buffer[] } {
  const [, first, second] = frames
  const isRequest = first?.length === 0 && frames.length > 2
  const isCorrelated = first?.length === CORRELATION_BYTES && second?.length === 0 && frames.length > 3
  const cut = isRequest ? 2 : isCorrelated ? 3 : 1
  return { envelope: frames.slice(0, cut), parts: frames.slice(cut) }
}

/** As it calls itself where that can be printed; else what libzmq calls it as long as it is connected. */
function nameOf(routingId: Buffer | undefined): string {
  const text = routingId?.toString('latin1') ?? ''
  return /^[!-~]{1,64}$/.test(text) ? text : (routingId?.toString('hex', 0, 32) ?? '')
}

const refused = (error: GatewayError, id?: string): Refusal => ({ ok: false, id, error })
const codeOf = (thrown: unknown) =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : ''
