import type { SecretSchema } from './secretSchema.ts'

const REDIS_URL = 'an address such as redis://127.0.0.1:6379/0, rediss://… or unix:///run/redis.sock'

/** The address of a Redis; it may carry a password, and so is a secret. */
export const redisUrl = (secret: SecretSchema) =>
  secret
    .refine(isRedisUrl, REDIS_URL)
    .describe('redis://, rediss:// or unix:// address; may carry user, password and database.')

/** What the Redis library cannot read it throws, password and all. */
function isRedisUrl(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, username, password, hostname, pathname } = new URL(url)
  if (protocol === 'unix:') return pathname.length > 1
  const isDatabase = /^\/?\d*$/.test(pathname)
  return /^rediss?:$/.test(protocol) && hostname !== '' && isDatabase && isDecodable(username + password)
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
