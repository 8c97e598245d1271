import type { Redis } from 'ioredis'
import type { Broker } from '../core/ports.ts'
import type { RedisChannels } from './channels.ts'
import { channelOf } from './keys.ts'
import { printSpread } from './spreadText.ts'

export interface RedisBrokerOptions {
  readonly redis: Redis
  readonly channels: RedisChannels
  readonly prefix: string
  /** Names this gateway among those that share the Redis. */
  readonly node: string
}

/** What Redis has not taken yet. Beyond it what is live is lost, as it is while Redis is away. */
const MAX_WAITING_BYTES = 16_777_216

/** Several gateways, each of which hears what only one of them was told, by Redis's own publish and subscribe. */
export function redisBroker({ redis, channels, prefix, node }: RedisBrokerOptions): Broker {
  let waiting = 0
  return {
    follow: (address) => channels.follow(address),
    unfollow: (address) => channels.unfollow(address),
    spread(notification) {
      const message = printSpread(notification, node)
      if (redis.status !== 'ready' || waiting + message.length > MAX_WAITING_BYTES) return
      waiting += message.length
      const done = () => {
        waiting -= message.length
      }
      redis.publish(channelOf(prefix, notification.to), message).then(done, done)
    },
    onNotification(deliver) {
      channels.onSpread((notification, from) => {
        if (from !== node) deliver(notification)
      })
    },
    close: () => channels.close(),
  }
}
