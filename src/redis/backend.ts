import type { Redis } from 'ioredis'
import type { Events } from '../core/events.ts'
import type { Broker, Clock, Inbox } from '../core/ports.ts'
import { isOutage, refusalIn } from './asking.ts'
import { redisBroker } from './broker.ts'
import { redisChannels } from './channels.ts'
import { redisGeneration } from './generation.ts'
import { type RedisInboxOptions, redisInbox } from './inbox.ts'
import { loadOf, scriptsWith } from './scripts.ts'
import { checkSettings } from './settings.ts'

const DAY_MS = 86_400_000

export interface RedisBackendOptions extends Pick<RedisInboxOptions, 'newEpoch' | 'maxResumeBytes'> {
  /** How many an inbox holds. */
  readonly keep: number
  /** How long a notification stands. */
  readonly days: number
  /** In place of the store's own clock, for who cannot wait for it. */
  readonly storeNow?: () => number
  /** May be shared with others. Stays open. */
  readonly redis: Redis
  /** For subscriptions alone. Is closed with the rest. */
  readonly subscriber: Redis
  /** As the log calls it. */
  readonly store: string
  readonly prefix: string
  /** Names this gateway among those that share the Redis. */
  readonly node: string
  readonly events: Events
  readonly clock: Clock
}

/** What several gateways share through one Redis: everybody's inbox, and what they tell each other. */
export interface RedisBackend {
  readonly inbox: Inbox
  readonly broker: Broker
  isUp(): boolean
  /** Resolves when it was asked which life of the store this is, whatever came of it. */
  readonly asked: Promise<void>
  close(): Promise<void>
}

export function redisBackend(options: RedisBackendOptions): RedisBackend {
  const { redis, subscriber, store, prefix, events, clock, keep, storeNow = () => undefined } = options
  const onFault = (error: unknown) => {
    const reason = refusalIn(error)
    // What a command of ioredis's would have done to it, a script's error does.
    if (error instanceof Error && redis.options.reconnectOnError?.(error)) redis.disconnect(true)
    if (reason !== undefined) events.emit('store.refused', { store, reason })
    else if (!isOutage(error)) events.emit('gateway.failed', { during: `what ${store} was asked`, error })
  }
  const standsMs = Math.round(options.days * DAY_MS)
  let now = storeNow()
  let scripts = scriptsWith({ keep, standsMs, now })
  const currentScripts = () => {
    if (now === storeNow()) return scripts
    now = storeNow()
    scripts = scriptsWith({ keep, standsMs, now })
    return scripts
  }
  const generation = redisGeneration({
    redis,
    clock,
    prepare: () => Object.values(currentScripts()).map(loadOf),
    onRefusal: (reason) => events.emit('store.lost', { store, reason: `it does not say which one it is: ${reason}` }),
  })
  const channels = redisChannels({ redis: subscriber, prefix, clock, onFault })
  const inbox = redisInbox({ ...options, channels, generation, scripts: currentScripts, standsMs, storeNow, onFault })
  let checked: string | undefined
  generation.onKnown(() => {
    if (generation.current() === checked) return
    checked = generation.current()
    void checkSettings(redis, store, events)
  })
  return {
    inbox,
    broker: redisBroker({ ...options, channels }),
    isUp: () => generation.current() !== undefined && channels.isUp(),
    asked: generation.asked,
    async close() {
      await inbox.close()
      generation.close()
      await channels.close()
    },
  }
}
