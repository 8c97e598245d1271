import type { Config, SessionConfig } from './config/schema.ts'
import type { Events } from './core/events.ts'
import type { Directory, SessionResolver, SessionStore } from './core/ports.ts'
import { systemClock as clock } from './memory/clock.ts'
import { memoryDirectory } from './memory/directory.ts'
import { redisConnection } from './redis/connection.ts'
import { redisDirectory } from './redis/directory.ts'
import { redisSessionStore } from './redis/sessionStore.ts'
import { authTkt } from './sessions/authTkt.ts'
import { beaker } from './sessions/beaker.ts'
import { expressSession } from './sessions/expressSession.ts'
import { httpCallback } from './sessions/httpCallback.ts'
import { jwt } from './sessions/jwt.ts'

/** What a gateway remembers and where it looks things up: in memory, or in Redis. */
export interface Backend {
  readonly directory: Directory
  readonly resolvers: readonly SessionResolver[]
  /** What cannot be reached at the moment. */
  missing(): readonly string[]
  close(): Promise<void>
}

/** Waits for Redis's first answer, not for its presence: a gateway starts without it and says that it is not ready. */
export async function openBackend(config: Config, events: Events): Promise<Backend> {
  if (config.redis === null) {
    const directory = memoryDirectory({ clock })
    return {
      directory,
      resolvers: config.sessions.map((session) => resolver(session)),
      missing: () => [],
      close: () => directory.close(),
    }
  }
  const { url, prefix } = config.redis
  const answered = new Promise<void>((resolve) => {
    events.on('store.found', () => resolve())
    events.on('store.lost', () => resolve())
  })
  const redis = redisConnection({ url, store: 'redis', events })
  const store = redisSessionStore(redis)
  try {
    const resolvers = config.sessions.map((session) => resolver(session, store))
    await answered
    const directory = await redisDirectory({ redis, prefix, clock })
    return {
      directory,
      resolvers,
      missing: () => (store.isUp() ? [] : ['redis']),
      async close() {
        await directory.close()
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

function resolver(session: SessionConfig, store?: SessionStore): SessionResolver {
  switch (session.use) {
    case 'jwt':
      return jwt({ ...session, key: session.jwks ?? secretBytes(session.secret, session.secretBase64) })
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

const secretBytes = (text = '', base64 = '') => (base64 === '' ? Buffer.from(text) : Buffer.from(base64, 'base64'))
