import { randomBytes } from 'node:crypto'
import { type Config, ownRedis, type SessionConfig } from './config/schema.ts'
import type { Events } from './core/events.ts'
import type { Broker, Directory, Inbox, SessionResolver, SessionStore } from './core/ports.ts'
import { memoryBroker } from './memory/broker.ts'
import { systemClock as clock } from './memory/clock.ts'
import { memoryDirectory } from './memory/directory.ts'
import { memoryInbox } from './memory/inbox.ts'
import { redisBackend } from './redis/backend.ts'
import { redisConnection } from './redis/connection.ts'
import { redisDirectory } from './redis/directory.ts'
import { redisSessionStore } from './redis/sessionStore.ts'
import { authTkt } from './sessions/authTkt.ts'
import { beaker } from './sessions/beaker.ts'
import { expressSession } from './sessions/expressSession.ts'
import { httpCallback } from './sessions/httpCallback.ts'
import { type JwtOptions, jwt } from './sessions/jwt.ts'

/** What a gateway remembers and where it looks things up: in memory, or in Redis. */
export interface Backend {
  readonly directory: Directory
  readonly broker: Broker
  readonly inbox: Inbox
  readonly resolvers: readonly SessionResolver[]
  /** What cannot be reached at the moment. */
  missing(): readonly string[]
  close(): Promise<void>
}

/** Waits for each Redis's first answer, not for its presence: a gateway starts without it and says that it is not ready. */
export async function openBackend(config: Config, events: Events): Promise<Backend> {
  const stores = redisStores(events)
  try {
    const shared = config.redis === null ? undefined : stores.at(config.redis.url, 'redis')
    const resolvers = config.sessions.map((session, index) => {
      const own = ownRedis(session)
      return resolver(session, own === undefined ? shared : stores.at(own.url, `redis of sessions[${index}]`))
    })
    await stores.answered()
    const { redis } = config
    const memory =
      redis === null || shared === undefined ? inMemory(config) : await inRedis(config, redis, shared, events)
    return {
      directory: memory.directory,
      broker: memory.broker,
      inbox: memory.inbox,
      resolvers,
      missing: () => [...new Set([...stores.missing(), ...memory.missing()])],
      async close() {
        await memory.close()
        await stores.close()
      },
    }
  } catch (error) {
    await stores.close()
    throw error
  }
}

/** What a gateway remembers itself, alone or with others. */
type Memory = Omit<Backend, 'resolvers'>

function inMemory(config: Config): Memory {
  const directory = memoryDirectory({ clock })
  const inbox = memoryInbox({ ...boundsOf(config), clock })
  return {
    directory,
    broker: memoryBroker(),
    inbox,
    missing: () => [],
    async close() {
      inbox.close()
      await directory.close()
    },
  }
}

async function inRedis(
  config: Config,
  { url, prefix }: NonNullable<Config['redis']>,
  { redis, name: store, isUp }: RedisStore,
  events: Events,
): Promise<Memory> {
  const subscriptions = openRedis(url, `${store} subscriptions`, events)
  const subscriber = subscriptions.redis
  const node = randomBytes(9).toString('base64url')
  const kept = redisBackend({ ...boundsOf(config), redis, subscriber, store, prefix, node, events, clock })
  await subscriptions.answered
  if (isUp()) await kept.asked
  const directory = await redisDirectory({ redis, prefix, clock })
  return {
    directory,
    broker: kept.broker,
    inbox: kept.inbox,
    missing: () => (kept.isUp() ? [] : [store]),
    async close() {
      await directory.close()
      await kept.close()
    },
  }
}

/** What a browser could not take in at once anyway is not resumed. */
const boundsOf = ({ inbox, limits }: Config) => ({
  ...inbox,
  maxResumeBytes: limits.queuedBytes / 2,
  newEpoch: epochMaker(),
})

interface RedisStore extends SessionStore {
  /** As the log and /readyz call it. */
  readonly name: string
  readonly redis: ReturnType<typeof redisConnection>
  readonly answered: Promise<void>
}

/** One connection for each address, however many resolvers name it. */
function redisStores(events: Events) {
  const stores = new Map<string, RedisStore>()
  return {
    at(url: string, name: string): RedisStore {
      const store = stores.get(url) ?? openRedis(url, name, events)
      stores.set(url, store)
      return store
    },
    answered: () => Promise.all([...stores.values()].map(({ answered }) => answered)),
    missing: () => [...stores.values()].filter((store) => !store.isUp()).map(({ name }) => name),
    close: () => Promise.all([...stores.values()].map((store) => store.close())),
  }
}

function openRedis(url: string, name: string, events: Events): RedisStore {
  const answered = new Promise<void>((resolve) => {
    const heard = ({ store }: { readonly store: string }) => store === name && resolve()
    events.on('store.found', heard)
    events.on('store.lost', heard)
  })
  const redis = redisConnection({ url, store: name, events })
  return { ...redisSessionStore(redis), name, redis, answered }
}

function resolver(session: SessionConfig, store: SessionStore | undefined): SessionResolver {
  switch (session.use) {
    case 'jwt':
      return jwt({ ...session, key: keyOf(session) })
    case 'beaker':
      return beaker(session, storeFor(session, store))
    case 'authTkt':
      return authTkt(session)
    case 'expressSession':
      return expressSession(session, storeFor(session, store))
    case 'httpCallback':
      return httpCallback(session)
  }
}

function storeFor({ use }: SessionConfig, store: SessionStore | undefined): SessionStore {
  if (store === undefined) throw new Error(`${use} without redis: the configuration refuses it`)
  return store
}

function keyOf({
  jwks,
  jwksUrl,
  secret = '',
  secretBase64,
}: Extract<SessionConfig, { use: 'jwt' }>): JwtOptions['key'] {
  if (jwksUrl !== undefined) return new URL(jwksUrl)
  return jwks ?? (secretBase64 === undefined ? Buffer.from(secret) : Buffer.from(secretBase64, 'base64'))
}

/** Each is another one, and nobody else's: asked for with every call, it should cost nothing. */
function epochMaker(): () => string {
  const life = randomBytes(9).toString('base64url')
  let count = 0
  return () => `${life}${(++count).toString(36)}`
}
