import type { Redis } from 'ioredis'
import type { Events } from '../core/events.ts'

/** The settings that decide what a Redis forgets, and what each value that is not safe may cost. */
const RISKS: Readonly<Record<string, (value: string) => string | undefined>> = {
  appendonly: (value) => (value === 'yes' ? undefined : 'a restart loses what was kept since the last snapshot'),
  appendfsync: (value) =>
    value === 'no' ? 'a power failure loses what was kept in the last half minute or so' : undefined,
  'maxmemory-policy': (value) =>
    value === 'noeviction' ? undefined : 'when memory is short inboxes are deleted without a word',
}
const UNWATCHED = 'a failover loses what its replica had not yet received'

/** Looks at how the Redis that keeps the inboxes is set, and says what can be lost. Changes nothing. Never rejects. */
export async function checkSettings(redis: Redis, store: string, events: Events): Promise<void> {
  try {
    for (const [setting, riskOf] of Object.entries(RISKS)) {
      const value = await settingOf(redis, setting)
      const risk = value === undefined ? undefined : riskOf(value)
      if (value !== undefined && risk !== undefined) events.emit('store.unsafe', { store, setting, value, risk })
    }
    const replication = await redis.info('replication')
    if (/^role:slave/m.test(replication)) {
      events.emit('store.unsafe', { store, setting: 'role', value: 'replica', risk: 'nothing can be kept there' })
    }
    const setting = 'min-replicas-to-write'
    const value = await settingOf(redis, setting)
    if (/^connected_slaves:[1-9]/m.test(replication) && value === '0') {
      events.emit('store.unsafe', { store, setting, value, risk: UNWATCHED })
    }
  } catch (error) {
    events.emit('store.unchecked', { store, reason: error instanceof Error ? error.message : `${error}` })
  }
}

async function settingOf(redis: Redis, setting: string): Promise<string | undefined> {
  const answer = await redis.config('GET', setting)
  return Array.isArray(answer) ? `${answer[1]}` : undefined
}
