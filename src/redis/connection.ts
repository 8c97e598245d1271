import { Redis } from 'ioredis'
import type { Events } from '../core/events.ts'

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`, may carry user, password and database. */
  readonly url: string
  /** How the log and the metrics call it. */
  readonly store: string
  readonly events: Events
}

const CONNECT_TIMEOUT_MS = 2_000
const COMMAND_TIMEOUT_MS = 2_000
const DISCONNECT_TIMEOUT_MS = 100
const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 500
const ELSEWHERE_EVERY_MS = 10_000

/** How long to wait before the attempt of that number, from 1 on. */
export const retryMs = (attempt: number) => Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 10), LAST_RETRY_MS)

/**
 * A connection that never fails to be made: while Redis is away every command is refused at once, and it is tried
 * again and again, twice a second, until `disconnect()`. Announces `store.lost` and `store.found`, once for each time.
 */
export function redisConnection({ url, store, events }: RedisConnectionOptions): Redis {
  const redis = new Redis(url, {
    // What waits for a Redis that is away would keep a browser waiting; it is told to come back instead.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    // ioredis waits this long even for a connection that is closed already, and the process with it.
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    // A connection that swallows commands is given up, or each of them would wait its time out.
    socketTimeout: 2 * COMMAND_TIMEOUT_MS,
    retryStrategy: retryMs,
    maxLoadingRetryTime: LAST_RETRY_MS,
    reconnectOnError: mayLeadElsewhere(),
    // Who subscribes does so again himself, knowing what is still wanted.
    autoResubscribe: false,
    // It is waited for before the first question, and a Redis that swallows commands would cost its time out twice.
    disableClientInfo: true,
    // Nothing here needs RESP 3, and old servers and proxies do not speak it.
    protocol: 2,
  })
  let isLost = false
  let reason = 'the connection was closed'
  // Without this listener an unreachable Redis would end the process.
  redis.on('error', (error: Error) => {
    reason = error.message
  })
  redis.on('reconnecting', () => {
    if (!isLost) events.emit('store.lost', { store, reason })
    isLost = true
  })
  redis.on('ready', () => {
    isLost = false
    reason = 'the connection was closed'
    events.emit('store.found', { store })
  })
  return redis
}

/**
 * After a failover the address may lead to the new master, and this connection still to the old one: it is made anew,
 * but not for every refused write, because everybody's reads go down with it.
 */
function mayLeadElsewhere(): (error: Error) => boolean {
  let last = Number.NEGATIVE_INFINITY
  return ({ message }) => {
    const now = performance.now()
    if (!message.includes('READONLY') || now - last < ELSEWHERE_EVERY_MS) return false
    last = now
    return true
  }
}
