import type { ErrorCode, RefusalReason } from './errors.ts'
import type { Notification } from './notification.ts'

/** What happens in a gateway, as facts. Observers log and count; nothing here carries a cookie, a token or a payload to a log. */
export interface GatewayEvents {
  'gateway.ready': { readonly url: string; readonly ms: number }
  'gateway.draining': { readonly connections: number }
  'gateway.failed': { readonly during: string; readonly error: unknown }

  'connection.opened': {
    readonly connection: string
    readonly user: string
    readonly transport: string
    readonly via: string
  }
  'connection.closed': {
    readonly connection: string
    readonly user: string
    readonly transport: string
    readonly reason: string
  }
  'connection.refused': {
    readonly transport: string
    readonly remoteAddress: string
    readonly code: ErrorCode
    readonly reason: RefusalReason | undefined
  }
  'client.refused': { readonly connection: string; readonly code: ErrorCode }
  /** A browser that read too slowly was cut; `lost` notifications were still queued for it. */
  'client.slow': { readonly connection: string; readonly user: string; readonly lost: number }

  /** `connections` may be 0: nobody was there. `tookMs`: from its arrival to its last write. */
  'notification.delivered': {
    readonly notification: Notification
    readonly input: string
    readonly source: string
    readonly connections: number
    readonly tookMs: number
  }
  'notification.duplicate': { readonly input: string; readonly source: string }
  'notification.refused': { readonly input: string; readonly source: string; readonly code: ErrorCode }
  /** It was for nobody who is asked for here: a notifier that ignores filters, or was slower than an unfollow. */
  'notification.unfollowed': { readonly input: string; readonly source: string }
  /** `recipients` copies are stored, `duplicates` of them had been before. */
  'notification.kept': {
    readonly input: string
    readonly source: string
    readonly id: string
    readonly recipients: number
    readonly duplicates: number
    readonly tookMs: number
  }
  /** Rings of this user's inbox were lost; `missed` notifications among them were read and told. */
  'inbox.recovered': { readonly user: string; readonly missed: number }
  'inbox.unreadable': { readonly user: string; readonly error: unknown }
  'live.gap': { readonly source: string; readonly missed: number }

  /** The reply to a request found no way: its sender has left, or reads none of them; it will send again. */
  'reply.dropped': { readonly source: string; readonly reason: 'gone' | 'full' }
  /** Somebody who tails over HTTP read too slowly to be shown everything. */
  'tail.dropped': { readonly dropped: number }

  'notifier.added': { readonly address: string }
  'notifier.removed': { readonly address: string }
  /** Its address is no endpoint, or libzmq would not take it. */
  'notifier.refused': { readonly address: string; readonly reason: string }
  'notifier.connected': { readonly address: string }
  'notifier.disconnected': { readonly address: string }
  /** It had sent heartbeats and fell silent. */
  'notifier.suspect': { readonly address: string; readonly silentMs: number }
  /** Its connection was ended for good, so the watchdog made a new one. */
  'notifier.reconnected': { readonly address: string; readonly reason: string }

  'registry.changed': { readonly publishers: number }
  'registry.refused': { readonly code: ErrorCode }
  /** The registry that we ask answers nothing, or nonsense; the last good list holds. */
  'registry.silent': { readonly rep: string; readonly reason: string }

  'store.lost': { readonly store: string; readonly reason: string }
  'store.found': { readonly store: string }
  /** It is there, and does not take what it is asked to: full, read-only, out of disk. */
  'store.refused': { readonly store: string; readonly reason: string }
  /** A setting of the Redis that keeps the inboxes, and what it may cost. */
  'store.unsafe': { readonly store: string; readonly setting: string; readonly value: string; readonly risk: string }
  /** Its settings may not be looked at. */
  'store.unchecked': { readonly store: string; readonly reason: string }
}

export type EventName = keyof GatewayEvents
type Listener<N extends EventName> = (facts: GatewayEvents[N]) => void

/** Announces what happened to whoever listens. A listener that throws cannot break the path that it watches. */
export class Events {
  readonly #listeners = new Map<EventName, Set<Listener<never>>>()

  /** Returns what takes the listener away again. */
  on<N extends EventName>(name: N, listener: Listener<N>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  emit<N extends EventName>(name: N, facts: GatewayEvents[N]): void {
    const listeners = this.#listeners.get(name) as Set<Listener<N>> | undefined
    if (listeners === undefined) return
    for (const listener of listeners) {
      try {
        listener(facts)
      } catch (error) {
        if (name !== 'gateway.failed') this.emit('gateway.failed', { during: `a listener of ${name}`, error })
      }
    }
  }
}
