import type { Redis } from 'ioredis'
import { GatewayError, sessionRefused } from '../core/errors.ts'
import type { SessionStore } from '../core/ports.ts'

/** No session needs more, and what somebody put there to fill our memory is not fetched. */
const MAX_BYTES = 1_048_576

/** Web applications' sessions in Redis. Too large a value is refused with the reason LIMIT. */
export function redisSessionStore(redis: Redis): SessionStore {
  return {
    async lookup(key) {
      // One byte more than is allowed tells what is too large. Of a key that is not there Redis says: empty.
      const bytes = await redis.getrangeBuffer(key, 0, MAX_BYTES).catch(unavailable)
      if (bytes.length > MAX_BYTES) throw sessionRefused('LIMIT', `more than ${MAX_BYTES} bytes in the store`)
      return bytes.length === 0 ? null : bytes
    },
    isUp: () => redis.status === 'ready',
    async close() {
      redis.disconnect()
    },
  }
}

function unavailable(error: Error): never {
  // The error itself carries the command, and so the session's id; its message does not.
  throw new GatewayError('store.unavailable', { cause: error.message })
}
