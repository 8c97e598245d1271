import { asGatewayError, type ErrorCode, GatewayError, type PublicError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import type { Connection } from '../core/ports.ts'
import { shared } from './listeners.ts'
import type { MannerRules, Manners } from './manners.ts'
import { type Socket, Tab } from './tab.ts'

/** Answers one kind of event. What it returns goes into the ack, what it throws becomes a coded error there. */
export type ClientEvent = (connection: Connection, payload: unknown) => object | Promise<object>
export type ClientEvents = ReadonlyMap<string, ClientEvent>

export interface EventRules extends MannerRules {
  readonly handlers: ClientEvents
  readonly events: Events
}

type Reply = ({ readonly ok: true } & object) | { readonly ok: false; readonly error: PublicError }
type Ack = (reply: Reply) => void

/** Whose fault is it? After these a browser that goes on is sent away. */
const STRIKES: ReadonlySet<ErrorCode> = new Set(['event.unknown', 'event.invalid', 'limit.rate'])

/**
 * Hears whatever browsers say. This is the only listener for their events: a handler that throws or rejects, an ack
 * that was not given or cannot be sent must never reach the process.
 */
export const eventListener = (rules: EventRules) =>
  shared((socket: Socket, ...said: unknown[]) => {
    const tab: unknown = socket.data
    if (!(tab instanceof Tab) || tab.leaving !== undefined || !socket.connected) return
    void hear(tab, said, tab.manners(rules), rules)
  })

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
