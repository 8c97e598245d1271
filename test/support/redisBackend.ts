import { randomBytes, randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { Events } from '../../src/core/events.ts'
import { systemClock as clock } from '../../src/memory/clock.ts'
import { type RedisBackend, redisBackend } from '../../src/redis/backend.ts'
import { redisConnection } from '../../src/redis/connection.ts'
import { until } from './until.ts'

export const PREFIX = 'test:'

export interface RunningBackend extends RedisBackend {
  readonly redis: Redis
  readonly events: Events
  /** Winds the clock of its Redis, as this gateway sees it; only where it was stopped. */
  advance(ms: number): void
}

/** What one gateway has in the Redis on this port. It is up when this resolves. */
export async function startBackend(
  port: number,
  bounds: { keep?: number; days?: number; maxResumeBytes?: number } = {},
  { events = new Events(), wait = true, isClockStopped = false } = {},
): Promise<RunningBackend> {
  const connect = (store: string) => redisConnection({ url: `redis://127.0.0.1:${port}/0`, store, events })
  const redis = connect('test')
  const life = randomBytes(9).toString('base64url')
  let epochs = 0
  const start = Date.now()
  let passed = 0
  const backend = redisBackend({
    redis,
    subscriber: connect('test subscriptions'),
    store: 'test',
    prefix: PREFIX,
    node: randomUUID(),
    events,
    clock: isClockStopped ? { ...clock, monotonic: () => passed } : clock,
    newEpoch: () => `${life}${++epochs}`,
    keep: 60,
    days: 3,
    maxResumeBytes: 2_000,
    ...bounds,
    ...(isClockStopped && { storeNow: () => start + passed }),
  })
  if (wait) await until('the backend is up', () => backend.isUp())
  return {
    ...backend,
    redis,
    events,
    advance(ms) {
      passed += ms
    },
    async close() {
      await backend.close()
      redis.disconnect()
    },
  }
}
