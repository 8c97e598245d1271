import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Router } from 'express'
import type { Address } from '../../../src/core/address.ts'
import { Events } from '../../../src/core/events.ts'
import { Follows } from '../../../src/core/follows.ts'
import { Hub } from '../../../src/core/hub.ts'
import type { Notification } from '../../../src/core/notification.ts'
import type { Clock, Connection, Inbox, Transport } from '../../../src/core/ports.ts'
import { httpApp } from '../../../src/http/app.ts'
import { memoryBroker } from '../../../src/memory/broker.ts'
import { systemClock } from '../../../src/memory/clock.ts'
import { memoryInbox } from '../../../src/memory/inbox.ts'
import { NotificationPipe } from '../../../src/notificationPipe.ts'
import { metricsOf } from '../../../src/observers/metrics.ts'

export const KEY = 'the-key-of-the-backend'
export const MAX_BYTES = 65_536

export interface RunningApp {
  readonly url: string
  readonly events: Events
  readonly hub: Hub
  readonly pipe: NotificationPipe
  readonly inbox: Inbox
  /** What the inputs were told to follow and have not been told to leave. */
  readonly followed: ReadonlySet<Address>
  /** What browsers saw. */
  readonly seen: { readonly connections: number; readonly notification: Notification }[]
  readonly unready: string[]
  readonly server: Server
  /** A browser that waits at an address. */
  connect(...addresses: Address[]): Connection
  /** Sends a request to /v1/notify with the key. */
  notify(body: unknown, headers?: Record<string, string>): Promise<Response>
  get(path: string, headers?: Record<string, string>): Promise<Response>
  closeInput(): Promise<void>
  closeTails(): Promise<void>
  stop(): Promise<void>
}

/** The HTTP app on a port of its own, before a real pipe and hub. */
export async function runApp(
  options: {
    readonly clock?: Clock
    readonly keys?: readonly string[]
    readonly pages?: Router
    readonly admits?: (request: IncomingMessage) => boolean
    readonly trustProxy?: boolean
    readonly hideMetrics?: boolean
    readonly brokenMetrics?: boolean
    /** Instead of one in memory. */
    readonly inbox?: Inbox
  } = {},
): Promise<RunningApp> {
  const clock = options.clock ?? systemClock
  const events = new Events()
  const hub = new Hub()
  const followed = new Set<Address>()
  const seen: { connections: number; notification: Notification }[] = []
  const unready: string[] = []
  const broker = memoryBroker()
  const wire = { follow: async (address: Address) => void followed.add(address), unfollow: drop }
  function drop(address: Address): void {
    followed.delete(address)
  }
  const follows = new Follows([wire, broker], clock, 0)
  let ids = 0
  const memory = memoryInbox({ clock, newEpoch: () => 'epoch', keep: 100, days: 30, maxResumeBytes: 65_536 })
  const inbox = options.inbox ?? memory
  const newId = () => `n-${++ids}`
  const pipe = new NotificationPipe({ hub, broker, inbox, events, clock, newId, maxBytes: MAX_BYTES })
  const metrics = metricsOf(events, { users: () => 0, notifiersUp: () => 0, followed: () => follows.size })
  const broken = () => Promise.reject(new Error('the secret of the metrics'))
  const { app, input, close } = httpApp({
    keys: options.keys ?? [KEY],
    events,
    clock,
    follows,
    inbox,
    maxBytes: MAX_BYTES,
    unready: () => unready,
    notifiers: () => [{ address: 'tcp://127.0.0.1:20105', up: true }],
    metrics: options.hideMetrics === true ? null : options.brokenMetrics === true ? broken : metrics.expose,
    trustProxy: options.trustProxy ?? false,
    ...(options.pages !== undefined && { pages: options.pages }),
    ...(options.admits !== undefined && { admits: options.admits }),
  })
  await input.open((submission, origin) => pipe.submit(submission, origin))
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const transport = recorder(seen)
  let tabs = 0

  return {
    url,
    events,
    hub,
    pipe,
    inbox,
    followed,
    seen,
    unready,
    server,
    connect(...addresses) {
      const session = { user: { id: '42' }, via: 'test', expiresAt: undefined }
      const handshake = {
        cookie: undefined,
        authorization: undefined,
        token: undefined,
        remoteAddress: '127.0.0.1',
        at: 0,
      }
      const connection = { id: `tab-${++tabs}`, session, transport, handshake }
      hub.open(connection)
      for (const address of addresses) hub.join(connection, address)
      return connection
    },
    notify: (body, headers = {}) =>
      fetch(`${url}/v1/notify`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
      }),
    get: (path, headers = {}) => fetch(url + path, { headers: { authorization: `Bearer ${KEY}`, ...headers } }),
    closeInput: () => input.close(),
    closeTails: close,
    async stop() {
      metrics.close()
      await close()
      follows.close()
      memory.close()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

function recorder(seen: { connections: number; notification: Notification }[]): Transport {
  return {
    name: 'recorder',
    open: async () => {},
    greet() {},
    write: (connections, notification) => void seen.push({ connections: connections.length, notification }),
    report() {},
    dismiss() {},
    close: async () => {},
  }
}

/** The JSON of an answer, which says that it is JSON. */
export async function json(response: Response): Promise<unknown> {
  const type = response.headers.get('content-type') ?? ''
  if (!type.startsWith('application/json')) throw new Error(`expected JSON, got ${type}: ${await response.text()}`)
  return response.json()
}
