import { asGatewayError, type ErrorCode, GatewayError, type PublicError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Clock, Connection } from '../core/ports.ts'
import { RateLimit } from '../core/rateLimit.ts'
import type { Tab } from './tab.ts'

/** Answers one kind of event. What it returns goes into the ack, what it throws becomes a coded error there. */
export type ClientEvent = (connection: Connection, payload: unknown) => object | Promise<object>
export type ClientEvents = ReadonlyMap<string, ClientEvent>

export interface EventRules {
  readonly handlers: ClientEvents
  readonly events: Events
  readonly clock: Clock
  /** 0: no limit. */
  readonly perSecond: number
  readonly burst: number
}

type Reply = ({ readonly ok: true } & object) | { readonly ok: false; readonly error: PublicError }
type Ack = (reply: Reply) => void

const STRIKES_PER_MINUTE = 20
/** Whose fault is it? After these a browser that goes on is sent away. */
const STRIKES: ReadonlySet<ErrorCode> = new Set(['event.unknown', 'event.invalid', 'limit.rate'])

/**
 * Hears whatever a browser says. This is the only listener for its events: a handler that throws or rejects, an ack
 * that was not given or cannot be sent must never reach the process.
 */
export function hearEvents(tab: Tab, rules: EventRules): void {
  let manners: Manners | undefined
  tab.socket.onAny((...said: unknown[]) => {
    if (tab.leaving !== undefined || !tab.socket.connected) return
    // Most browsers never say anything.
    manners ??= new Manners(rules)
    void hear(tab, said, manners, rules)
  })
}

async function hear(tab: Tab, said: unknown[], manners: Manners, rules: EventRules): Promise<void> {
  const ack = takeAck(said)
  const [name, payload, ...more] = said
  try {
    if (!manners.mayEvent()) throw new GatewayError('limit.rate')
    const handler = typeof name === 'string' ? rules.handlers.get(name) : undefined
    if (handler === undefined) throw new GatewayError('event.unknown')
    if (more.length > 0) throw new GatewayError('event.invalid')
    ack({ ...(await handler(tab, payload)), ok: true })
  } catch (thrown) {
    refuse(tab, asGatewayError(thrown), `the event ${String(name)}`, ack, manners, rules.events)
  }
}

function refuse(tab: Tab, error: GatewayError, during: string, ack: Ack, manners: Manners, events: Events): void {
  events.emit('client.refused', { connection: tab.id, code: error.code })
  if (error.code === 'internal') events.emit('gateway.failed', { during, error: error.cause })
  ack({ ok: false, error: error.toPublic() })
  if (STRIKES.has(error.code) && !manners.mayErr()) tab.dismiss({ code: 'limit', retryInMs: 0 })
}

/** The ack stands last, if the client wants one: functions cannot come over the wire, so it is Socket.IO's. */
function takeAck(said: unknown[]): Ack {
  const last = said.at(-1)
  if (typeof last !== 'function') return () => {}
  said.pop()
  return (reply) => last(reply)
}

/** How often one browser may speak, and be wrong. */
class Manners {
  readonly #clock: Clock
  readonly #events: RateLimit
  readonly #strikes = new RateLimit(STRIKES_PER_MINUTE / 60, STRIKES_PER_MINUTE - 1)

  constructor({ clock, perSecond, burst }: EventRules) {
    this.#clock = clock
    this.#events = new RateLimit(perSecond, burst)
  }

  mayEvent(): boolean {
    return this.#events.take(this.#clock.monotonic())
  }

  mayErr(): boolean {
    return this.#strikes.take(this.#clock.monotonic())
  }
}
