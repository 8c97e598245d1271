import { type DestinationStream, pino } from 'pino'
import { formatRecipient } from '../core/address.ts'
import type { EventName, Events, GatewayEvents } from '../core/events.ts'
import type { Clock } from '../core/ports.ts'
import { standardOutput } from './standardOutput.ts'
import { Throttle } from './throttle.ts'

type Level = 'debug' | 'info' | 'warn' | 'error'

export interface LogOptions {
  readonly level: Level | 'silent'
  readonly clock: Clock
  /** Default: standard output. */
  readonly destination?: DestinationStream
}

const PATIENCE_MS = 1000

/** Every event has a level. What each browser and each notification causes is detail. */
const LEVELS = {
  'gateway.ready': 'info',
  'gateway.draining': 'info',
  'gateway.failed': 'error',
  'connection.opened': 'debug',
  'connection.closed': 'debug',
  'connection.refused': 'warn',
  'client.refused': 'warn',
  'client.slow': 'warn',
  'notification.delivered': 'debug',
  'notification.duplicate': 'debug',
  'notification.refused': 'warn',
  'notification.unfollowed': 'debug',
  'notification.kept': 'debug',
  'inbox.recovered': 'warn',
  'inbox.unreadable': 'warn',
  'live.gap': 'warn',
  'reply.dropped': 'debug',
  'tail.dropped': 'debug',
  'notifier.added': 'info',
  'notifier.removed': 'info',
  'notifier.refused': 'warn',
  'notifier.connected': 'info',
  'notifier.disconnected': 'info',
  'notifier.suspect': 'warn',
  'notifier.reconnected': 'warn',
  'registry.changed': 'info',
  'registry.refused': 'warn',
  'registry.silent': 'warn',
  'store.lost': 'warn',
  'store.found': 'info',
  'store.refused': 'warn',
  'store.unsafe': 'warn',
  'store.unchecked': 'debug',
} as const satisfies Record<EventName, Level>

/** What a gateway says of itself, once in its life. */
type Own = 'gateway.ready' | 'gateway.draining'
/** Who asks for detail gets each. */
type Detail = { [N in EventName]: (typeof LEVELS)[N] extends 'debug' ? N : never }[EventName]
type Keys<N extends EventName> = { readonly [E in N]: (facts: GatewayEvents[E]) => string }

/**
 * Whatever else happens somebody outside can cause, again and again: a second has at most one line for each of these
 * keys. An event that has none does not compile.
 */
const THROTTLED: Partial<Keys<EventName>> = {
  'gateway.failed': ({ during, error }) => `${during}\n${error instanceof Error ? error.message : ''}`,
  'connection.refused': ({ remoteAddress, code, reason }) => `${remoteAddress}\n${code}\n${reason}`,
  'client.refused': ({ connection, code }) => `${connection}\n${code}`,
  'client.slow': ({ user }) => user,
  'notification.refused': ({ input, source, code }) => `${input}\n${source}\n${code}`,
  'notification.unfollowed': ({ source }) => source,
  'inbox.recovered': () => 'inbox',
  'inbox.unreadable': ({ error }) => (error instanceof Error ? error.message : ''),
  'live.gap': ({ source }) => source,
  'notifier.added': ({ address }) => address,
  'notifier.removed': ({ address }) => address,
  'notifier.refused': ({ address }) => address,
  'notifier.connected': ({ address }) => address,
  'notifier.disconnected': ({ address }) => address,
  'notifier.suspect': ({ address }) => address,
  'notifier.reconnected': ({ address }) => address,
  'registry.changed': () => 'registry',
  'registry.refused': ({ code }) => code,
  'registry.silent': ({ rep }) => rep,
  'store.lost': ({ store }) => store,
  'store.found': ({ store }) => store,
  'store.refused': ({ store, reason }) => `${store}\n${reason}`,
  'store.unsafe': ({ store, setting }) => `${store}\n${setting}`,
} satisfies Keys<Exclude<EventName, Own | Detail>> & Partial<Keys<Detail>>

/** What a line says instead of the facts as they are: they may hold a payload. */
const PRINTED: { readonly [N in EventName]?: (facts: GatewayEvents[N]) => object } = {
  'gateway.failed': ({ during, error }) => ({ during, err: error }),
  'inbox.unreadable': ({ user, error }) => ({ user, err: error }),
  'notification.delivered': ({ notification: { id, to, type }, ...facts }) => ({
    id,
    recipient: formatRecipient(to),
    type,
    ...facts,
  }),
}

/** What is said once for many, where the last one alone would say too little. */
const MERGED: { readonly [N in EventName]?: (held: GatewayEvents[N], next: GatewayEvents[N]) => GatewayEvents[N] } = {
  'live.gap': (held, next) => ({ ...next, missed: held.missed + next.missed }),
}

/** Writes what happens as lines of JSON: the event's name, ids, numbers; no payload, no cookie, no token. */
export function logEvents(events: Events, options: LogOptions): { flush(): Promise<void> } {
  const logger = pino(
    { level: options.level, base: null, formatters: { level: (label) => ({ level: label }) } },
    options.destination ?? standardOutput(),
  )
  const throttles: { flush(): void }[] = []

  const listen = <N extends EventName>(name: N): void => {
    const level = LEVELS[name]
    if (!logger.isLevelEnabled(level)) return
    const [keyOf, print = (facts: object) => facts] = [THROTTLED[name], PRINTED[name]]
    const write = (facts: GatewayEvents[N], held: object = {}) =>
      logger[level]({ event: name, ...print(facts), ...held })
    if (keyOf === undefined) return void events.on(name, (facts) => write(facts))
    const throttle = new Throttle(options.clock, write, MERGED[name])
    throttles.push(throttle)
    events.on(name, (facts) => throttle.pass(keyOf(facts), facts))
  }
  for (const name of Object.keys(LEVELS).filter(isEventName)) listen(name)

  return {
    /** Says what was held back, and waits a moment for whoever reads standard output. Never rejects. */
    async flush() {
      for (const throttle of throttles) throttle.flush()
      if (options.destination !== undefined) return
      let giveUp = () => {}
      const patience = new Promise<void>((resolve) => {
        giveUp = options.clock.later(PATIENCE_MS, resolve)
      })
      await Promise.race([standardOutput().drain(), patience])
      giveUp()
    },
  }
}

const isEventName = (name: string): name is EventName => name in LEVELS
