import { randomBytes } from 'node:crypto'
import { XPublisher } from 'zeromq'
import { encodeUserId } from '../../core/address.ts'
import type { Clock } from '../../core/ports.ts'
import { Audience } from './audience.ts'
import { every, systemClock } from './clock.ts'
import { context } from './context.ts'
import { Counters } from './counters.ts'
import type { Draft, NotificationOptions } from './draft.ts'
import { draft, fullForm } from './draft.ts'
import { NotifierError, notifierError } from './errors.ts'
import { Lease } from './lease.ts'
import type { NotifierOptions, Settings } from './options.ts'
import { isIpv6, readOptions, whole } from './options.ts'
import type { Frames, Letter } from './outbox.ts'
import { Outbox } from './outbox.ts'

/** A program that tells users things, live: who is connected to a gateway hears it at once, nobody hears it later. */
export interface Notifier {
  /** The endpoint that gateways connect to. */
  readonly address: string
  /**
   * Resolves when at least one gateway hears: what is sent before goes nowhere.
   * @throws NotifierError `notifier.notReady` after `timeoutMs` (default 5,000), saying what is missing; `notifier.closed`
   */
  ready(options?: { readonly timeoutMs?: number | undefined }): Promise<void>
  /**
   * Tells one user. The body is any JSON value; bytes (`Uint8Array`) must be JSON and go out byte for byte.
   * Resolves when the socket has it, which is no promise that somebody heard.
   * @throws NotifierError `draft.…` when no gateway would take it, `notifier.busy`, `notifier.closed`; then nothing was sent
   */
  notify(user: string, body: unknown, options?: NotificationOptions): Promise<{ readonly id: string }>
  /** Tells everybody who is subscribed to the channel. */
  toChannel(channel: string, body: unknown, options?: ChannelOptions): Promise<{ readonly id: string }>
  /** Tells everybody who is connected. */
  toEveryone(body: unknown, options?: NotificationOptions): Promise<{ readonly id: string }>
  /**
   * Sends what waits, closes the socket when the gateways have it or after `lingerMs` (default 1,000), and leaves the
   * registry. Nothing of the notifier keeps the process alive afterwards.
   */
  close(options?: { readonly lingerMs?: number | undefined }): Promise<void>
}

export type ChannelOptions = Omit<NotificationOptions, 'type'> & {
  /** The event's name. Default `message`. */
  readonly event?: string | undefined
}

const HEARTBEAT_MS = 1000
const FLUSH_GRACE_MS = 500
/** ZMTP's own heartbeats notice a peer that vanished without a word, as gateways do on their side. */
const SOCKET_OPTIONS = {
  sendHighWaterMark: 10_000,
  heartbeatInterval: 2000,
  heartbeatTimeout: 6000,
  heartbeatTimeToLive: 6000,
  handshakeInterval: 5000,
  backlog: 1024,
  // What comes in is subscriptions. A stranger may not announce gigabytes.
  maxMessageSize: 4096,
} as const

/** @throws NotifierError `notifier.options`, `notifier.bind` */
export async function createNotifier(options: NotifierOptions, clock: Clock = systemClock): Promise<Notifier> {
  const settings = readOptions(options)
  const socket = new XPublisher({ context: context(), ipv6: isIpv6(settings.bind), ...SOCKET_OPTIONS })
  try {
    await socket.bind(settings.bind)
  } catch (cause) {
    socket.close()
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new NotifierError('notifier.bind', `${settings.bind} cannot be bound: ${why}.`, { cause })
  }
  return open(settings, socket, clock)
}

function open(settings: Settings, socket: XPublisher, clock: Clock): Notifier {
  const { registry, source, maxBytes } = settings
  const address = settings.advertise ?? socket.lastEndpoint ?? settings.bind
  const counters = new Counters(settings.maxCounters, newEpoch)
  const newId = idsBeginningWith(counters.epoch)
  const outbox = new Outbox((frames) => socket.send(frames), settings.maxQueued)
  const lease = registry === null ? undefined : new Lease({ ...settings, registry, address }, context(), clock)
  // A gateway that served the registry took our entry with it.
  const audience = new Audience(() => lease?.renew())
  const listening = listen(socket, audience)
  const stopHeartbeat = every(HEARTBEAT_MS, clock, () => beat(outbox, source, counters))
  let closing: Promise<void> | undefined

  async function send(recipient: string, body: unknown, options: NotificationOptions) {
    if (closing !== undefined) throw notifierError('notifier.closed')
    const { type, id = newId(), ttl, collapse, at = clock.now() } = options
    const checked = draft(recipient, { type, id, ttl, collapse, at, source }, body, maxBytes)
    await outbox.push(numbered(checked, counters))
    return { id }
  }

  async function end(lingerMs: number): Promise<void> {
    audience.close()
    stopHeartbeat()
    await outbox.close()
    await flush(socket, lingerMs)
    await listening
    // Only now: a gateway hears whoever leaves the registry to the end of what has reached it, and no further.
    await lease?.end()
  }

  return {
    address,
    async ready({ timeoutMs = 5000 } = {}) {
      if (closing !== undefined) throw notifierError('notifier.closed')
      await audience.untilHeard(timeoutMs, clock, () => whatIsMissing(registry, address, lease))
    },
    async notify(user, body, options = {}) {
      if (typeof user !== 'string') throw new NotifierError('draft.recipient', 'A user id is a text.')
      return await send(encodeUserId(user), body, options)
    },
    toChannel: (channel, body, { event, ...options } = {}) => send(`#${channel}`, body, { ...options, type: event }),
    toEveryone: (body, options = {}) => send('*', body, options),
    async close({ lingerMs } = {}) {
      const linger = whole('lingerMs', lingerMs, 1000, 0, 600_000)
      closing ??= end(linger)
      await closing
    },
  }
}

/** Takes subscriptions in as they come: without a reader they would wait until something is sent. */
async function listen(socket: XPublisher, audience: Audience): Promise<void> {
  for await (const [frame] of socket) if (frame !== undefined) audience.take(frame)
}

function numbered(checked: Draft, counters: Counters): Letter {
  let seq = 0
  return {
    frames() {
      seq = counters.next(checked.recipient)
      return fullForm(checked, counters.epoch, seq)
    },
    sent: () => counters.sent(checked.recipient, seq),
  }
}

function beat(outbox: Outbox, source: string, counters: Counters): void {
  const frames = (): Frames => ['!heartbeat|', JSON.stringify({ source, epoch: counters.epoch }), '{}']
  // Refused by a full queue it is not missed: the queue moves, or this program hangs and should be suspected.
  outbox.push({ frames, sent() {} }).catch(() => undefined)
}

/** Closes the socket and waits until everything has left, or `lingerMs` are over. */
async function flush(socket: XPublisher, lingerMs: number): Promise<void> {
  const observer = socket.events
  // libzmq keeps to the linger by itself; the deadline stands in for the event that says so.
  const deadline = setTimeout(() => observer.close(), lingerMs + FLUSH_GRACE_MS)
  socket.linger = lingerMs
  socket.close()
  // The last event, when the last byte has left, closes the observer.
  for await (const _event of observer);
  clearTimeout(deadline)
}

function whatIsMissing(registry: string | null, address: string, lease: Lease | undefined): string {
  if (registry === null) return `Gateways must know ${address} by their configuration (zeromq.notifiers).`
  return lease?.problem ?? `The registry at ${registry} lists ${address}, but no gateway came.`
}

const newEpoch = () => randomBytes(8).toString('base64url')

function idsBeginningWith(prefix: string): () => string {
  let count = 0
  return () => `${prefix}-${(++count).toString(36)}`
}
