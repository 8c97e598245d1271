import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EVERYONE, userAddress } from '../../src/core/address.ts'
import { GatewayError, sessionRefused } from '../../src/core/errors.ts'
import { type EventName, Events, type GatewayEvents } from '../../src/core/events.ts'
import { Hub } from '../../src/core/hub.ts'
import type { Counts, Page } from '../../src/core/inbox.ts'
import type { Notification } from '../../src/core/notification.ts'
import type { Connection, Reception, Transport } from '../../src/core/ports.ts'
import { checkJson } from '../../src/core/rawJson.ts'
import type { Handshake } from '../../src/core/session.ts'
import { SOCKETIO_LIMITS, type SocketioOptions, socketioTransport } from '../../src/socketio/transport.ts'
import { fakeClock } from './fakeClock.ts'

export const PAGE = 'https://app.example'

/** A gateway that believes everybody: a token is the user's id. It keeps who came and who went. */
export class Lobby implements Reception {
  readonly hub = new Hub()
  readonly handshakes: Handshake[] = []
  readonly left: { connection: Connection; reason: string }[] = []
  opened = 0
  /** Lookups wait for it. */
  gate: Promise<void> = Promise.resolve()
  lookups = 0
  full = false
  /** Connections that have not been recognised yet. */
  newcomers = 0
  crowded = false
  onOpen: (connection: Connection) => void = () => {}

  knock(): () => void {
    if (this.crowded) throw new GatewayError('limit.connections')
    this.newcomers++
    let waits = true
    return () => {
      if (waits) this.newcomers--
      waits = false
    }
  }

  async admit(handshake: Handshake): Promise<Connection['session']> {
    this.handshakes.push(handshake)
    this.lookups++
    await this.gate
    this.lookups--
    if (handshake.token === undefined) throw sessionRefused('NO_COOKIE')
    if (handshake.token === 'away') throw new GatewayError('store.unavailable')
    if (handshake.token === 'bug') throw new TypeError('a secret of the inside')
    return { user: { id: handshake.token }, via: 'lobby', expiresAt: undefined }
  }

  open(connection: Connection): void {
    if (this.full) throw new GatewayError('limit.connections')
    this.opened++
    this.hub.open(connection)
    this.onOpen(connection)
  }

  renew({ handshake }: Connection, token: string): Promise<Connection['session']> {
    return this.admit({ ...handshake, token })
  }

  async list(): Promise<Page> {
    return { epoch: 'e', items: [], next: undefined }
  }

  async mark(): Promise<Counts> {
    return { unread: 0, unseen: 0, rev: 0 }
  }

  async welcome(connection: Connection): Promise<void> {
    if (!this.hub.isOpen(connection)) return
    connection.transport.greet(connection, {
      user: connection.session.user,
      connection: connection.id,
      mode: 'fresh',
      position: { epoch: 'e', seq: 0 },
      counts: { unread: 0, unseen: 0, rev: 0 },
    })
    this.hub.join(connection, userAddress(connection.session.user.id))
    this.hub.join(connection, EVERYONE)
  }

  close(connection: Connection, reason: string): void {
    if (this.hub.close(connection)) this.left.push({ connection, reason })
  }

  /** The only connection of this user. */
  connectionOf(user: string): Connection {
    const [group] = this.hub.at(userAddress(user))
    const connection = group?.connections[0]
    if (connection === undefined) throw new Error(`nobody waits at user:${user}`)
    return connection
  }
}

export interface SocketioServer {
  readonly url: string
  readonly port: number
  readonly http: Server
  readonly lobby: Lobby
  readonly transport: Transport
  readonly events: Events
  readonly clock: ReturnType<typeof fakeClock>
  /** What was announced under this name, so far. */
  heard<N extends EventName>(name: N): GatewayEvents[N][]
  /** Writes a notification to everybody who waits at the user's address. */
  notify(user: string, body: string, more?: Partial<Notification>): void
  stop(): Promise<void>
}

export async function startSocketio(options: Partial<SocketioOptions> = {}, port = 0): Promise<SocketioServer> {
  const http = options.server ?? createServer((request, response) => void request.pipe(response.writeHead(404)))
  const lobby = new Lobby()
  const events = new Events()
  const clock = fakeClock()
  const transport = socketioTransport({
    server: http,
    reception: lobby,
    events,
    clock,
    eventName: 'notification',
    origins: [PAGE],
    serveClient: false,
    trustProxy: false,
    limits: SOCKETIO_LIMITS,
    handlers: new Map(),
    ...options,
  })
  const log = listenTo(events)
  await transport.open()
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve))
  const { port: bound } = http.address() as AddressInfo
  let notified = 0
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    http,
    lobby,
    transport,
    events,
    clock,
    heard: log,
    notify(user, body, more = {}) {
      const notification = notificationOf(userAddress(user), `n-${++notified}`, body, more)
      for (const group of lobby.hub.at(notification.to)) group.writer.write(group.connections, notification)
    },
    async stop() {
      // The clock stands still, and a test may leave clients behind that never answer their farewell.
      const impatience = setTimeout(() => clock.advance(60_000), 500)
      await transport.close()
      clearTimeout(impatience)
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

export function notificationOf(
  to: Notification['to'],
  id: string,
  body: string,
  more: Partial<Notification> = {},
): Notification {
  return {
    to,
    id,
    type: 'notification',
    at: 1_763_750_000_000,
    body: checkJson(Buffer.from(body), 1_048_576),
    expiresAt: undefined,
    collapse: undefined,
    ...more,
  }
}

const LOGGED = ['connection.refused', 'client.refused', 'client.slow', 'gateway.failed'] as const

function listenTo(events: Events): SocketioServer['heard'] {
  const log: { name: EventName; facts: unknown }[] = []
  for (const name of LOGGED) events.on(name, (facts) => void log.push({ name, facts }))
  return <N extends EventName>(wanted: N) =>
    log.filter(({ name }) => name === wanted).map(({ facts }) => facts as GatewayEvents[N])
}
