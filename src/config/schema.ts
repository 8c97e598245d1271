import { z } from 'zod'
import { redisUrl } from './redisUrl.ts'
import { type Environment, type SecretSchema, secretSchema } from './secretSchema.ts'
import { sessionSchema } from './sessionSchema.ts'

const LOOPBACK = /^(ipc:\/\/.+|tcp:\/\/(127(\.\d{1,3}){3}|localhost|\[::1\]):\d+)$/
const ENDPOINT = 'an endpoint such as tcp://127.0.0.1:20105 or ipc:///run/heraldo.sock'
const isPort = (port: number) => port >= 1 && port <= 65_535
const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1))
const originOf = (url: string) => (URL.canParse(url) ? new URL(url).origin : undefined)
/** Who keeps sessions in Redis, as people call it. */
const IN_REDIS: ReadonlyMap<string, string> = new Map([
  ['beaker', 'Beaker'],
  ['expressSession', 'express-session'],
])
const NOT_LOOPBACK = 'a loopback address, or zeromq.insecure: true to say that others may reach it unencrypted'
const ANY_HOST = /^tcp:\/\/(\*|0\.0\.0\.0|\[::\]):/
const endpoint = z
  .string()
  .regex(/^(tcp:\/\/([^\s/:@]+|\[[0-9a-fA-F:]+\]):\d{1,5}|ipc:\/\/\S+)$/, ENDPOINT)
  .refine((address) => address.startsWith('ipc:') || isPort(portOf(address)), ENDPOINT)
const count = z.int().min(0).max(1_000_000_000)
const ORIGIN = 'an origin such as https://www.example.org, without a path'
const origin = z
  .string()
  .regex(/^https?:\/\/[^\s/]+$/, { error: ORIGIN, abort: true })
  .refine((given) => originOf(given) === given, {
    // Browsers send it in one writing only, and it is compared letter by letter.
    error: ({ input }) => (URL.canParse(`${input}`) ? `what browsers send: ${originOf(`${input}`)}` : ORIGIN),
  })
const HOST_AND_PORT = 'host:port, such as 127.0.0.1:5887 or [::1]:5887'
const hostAndPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/, HOST_AND_PORT)
  .refine((given) => isPort(portOf(given)), HOST_AND_PORT)

/** The schema of the whole configuration. `env` is what `{ "env": "NAME" }` reads from. */
export function configSchema(env: Environment) {
  const secret = secretSchema(env)
  return z
    .strictObject({
      http: httpSchema(secret),
      redis: redisSchema(secret),
      zeromq: zeromqSchema,
      sessions: z.array(sessionSchema(secret)).describe('Who recognises users, asked in this order.'),
      notifications: notificationsSchema,
      inbox: inboxSchema,
      limits: limitsSchema,
      apps: z
        .array(z.looseObject({ id: z.string() }))
        .describe('Pusher applications. Accepted, and served by a later version.'),
      fast: z
        .boolean()
        .describe(
          'false: only public interfaces of the libraries are used (libzmq, Engine.IO). Slower, otherwise the same.',
        ),
      log: z.strictObject({
        level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).describe('What is written to standard output.'),
      }),
      shutdown: shutdownSchema,
    })
    .superRefine(({ zeromq, redis, sessions }, context) => {
      for (const [index, session] of sessions.entries()) {
        const { use } = session
        const keeper = IN_REDIS.get(use)
        if (keeper === undefined || (redis ?? ownRedis(session)) !== undefined) continue
        const message = `a redis: ${keeper} keeps its sessions there, so redis.url must be set, here or for all`
        context.addIssue({ code: 'custom', path: ['sessions', index, 'use'], input: use, message })
      }
      if (zeromq.insecure) return
      const { ingest, registry } = zeromq
      const bound: [path: string[], address: string | null][] = [[['ingest'], ingest]]
      if (registry.serve) bound.push([['registry', 'rep'], registry.rep], [['registry', 'pub'], registry.pub])
      for (const [path, address] of bound) {
        if (address === null || LOOPBACK.test(address)) continue
        context.addIssue({ code: 'custom', path: ['zeromq', ...path], input: address, message: NOT_LOOPBACK })
      }
    })
}

export type Config = z.output<ReturnType<typeof configSchema>>
export type SessionConfig = Config['sessions'][number]

/** The Redis that a resolver names for itself. */
export const ownRedis = (session: SessionConfig) => ('redis' in session ? session.redis : undefined)

const RESERVED_EVENTS = new Set([
  'hello',
  'inbox',
  'bye',
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
  'subscription_error',
  'error',
])

const httpSchema = (secret: SecretSchema) =>
  z.strictObject({
    host: z.string().min(1).describe('The interface to listen on.'),
    port: z.int().min(0).max(65535).describe('One port for browsers, the HTTP API and health. 0 takes a free one.'),
    origins: z
      .array(origin)
      .nullable()
      .describe("Exact origins of pages that may connect. null: the gateway's own origin alone."),
    keys: z.array(secret).describe('Bearer keys for the HTTP API (/v1). Without one the API refuses everybody.'),
    tls: z
      .strictObject({
        cert: z.string().min(1).describe('The certificate chain, a PEM file.'),
        key: z.string().min(1).describe('Its private key, a PEM file.'),
      })
      .nullable()
      .describe('null: plain HTTP.'),
    internal: hostAndPort.nullable().describe('host:port where /metrics listens instead of the public port.'),
    trustProxy: z.boolean().describe("Take the client's address from the last hop of X-Forwarded-For."),
  })

const redisSchema = (secret: SecretSchema) =>
  z
    .strictObject({
      url: redisUrl(secret),
      prefix: z.string().default('heraldo:').describe("Put before each of the gateway's own keys."),
    })
    .nullable()
    .describe('The Redis that holds inboxes and sessions. null: everything lives in memory.')

const zeromqSchema = z.strictObject({
  ingest: endpoint
    .nullable()
    .describe('ROUTER for senders who want an answer, once it is stored (DEALER, REQ). null: none.'),
  registry: z.strictObject({
    serve: z.boolean().describe('true: this gateway is the registry; false: ask the one at these addresses.'),
    rep: endpoint.describe('Where the registry answers questions.'),
    pub: endpoint.describe('Where the registry announces changes.'),
  }),
  notifiers: z
    .array(
      endpoint.refine((address) => !ANY_HOST.test(address), 'an address that can be connected to, not every interface'),
    )
    .describe('PUB sockets to listen to beside those of the registry.'),
  unfollowAfterMs: count.describe('How long filters stay after the last connection of a user left, in milliseconds.'),
  insecure: z.boolean().describe('true: sockets may bind to addresses that others can reach, unencrypted.'),
})

const notificationsSchema = z.strictObject({
  event: z
    .string()
    .min(1)
    .refine((name) => !RESERVED_EVENTS.has(name), 'a name that is none of the protocol’s own events')
    .describe('The name of the Socket.IO event that carries notifications.'),
  maxBytes: z.int().min(1).max(1_048_576).describe('The largest body, in bytes.'),
})

const inboxSchema = z.strictObject({
  keep: z.int().min(1).max(10_000).describe('How many notifications an inbox holds; older ones are trimmed.'),
  days: z.int().min(1).max(3_650).describe('How many days a notification stands that brings no ttl of its own.'),
})

const limitsSchema = z.strictObject({
  perUser: count.describe('Connections of one user; 0 is no limit.'),
  perAddress: count.describe('Connections from one network address, an IPv6 /64 counting as one; 0 is no limit.'),
  handshakesPerSecond: count.describe('Handshakes of all clients together; 0 is no limit.'),
  eventsPerSecond: count.describe('Events that one browser may send; 0 is no limit.'),
  queuedBytes: z
    .int()
    .min(65_536)
    .max(1_073_741_824)
    .describe('What may wait for one slow browser before it is cut, in bytes.'),
  sessionCheckSeconds: z
    .int()
    .min(1)
    .max(3600)
    .describe('How often the session of each connection is judged again, in seconds, give or take a quarter.'),
})

const shutdownSchema = z.strictObject({
  timeoutMs: count.describe('How long SIGTERM may take before the process ends anyway, in milliseconds.'),
  returnWithinMs: count.describe('Browsers that are sent away come back spread over this time, in milliseconds.'),
})
