import { io, type Socket } from 'socket.io-client'
import { type Ask, ask, notConnected } from './ask.ts'
import type { Reason } from './heraldo.ts'
import type { Credentials, Options } from './options.ts'
import { type Farewell, type Hello, type InboxChange, type Meta, type Position, refusalIn } from './wire.ts'

/** Whoever makes an attempt is told until they leave it. What has failed or ended, they leave. */
export interface Told {
  /** Asked for when the credentials are here: up to where everything has been shown. */
  since(): Position | undefined
  /** Not only at the beginning: a gateway whose store went back in time greets again. */
  hello(hello: Hello): void
  notification(body: unknown, meta: Meta): void
  change(change: InboxChange): void
  bye(farewell: Farewell): void
  /** Another attempt may do better. */
  failed(reason: Reason): void
  ended(state: 'refused' | 'ended', reason: Reason): void
}

/** One try at a connection. */
export interface Attempt {
  readonly ask: Ask
  /** Whatever it waits for; nothing is told after that. */
  leave(): void
}

/** Asks the page for credentials first, which may take its time, but not before the caller's turn is over. */
export function attempt(url: string, options: Options, told: Told): Attempt {
  let socket: Socket | undefined
  let isLeft = false
  const open = (credentials?: Credentials) => {
    if (!isLeft) socket = openSocket(url, options, credentials, told)
  }
  const fail = (error: unknown) => {
    if (!isLeft) told.failed({ code: 'auth', message: error instanceof Error ? error.message : String(error) })
  }
  void Promise.resolve().then(options.auth).then(open, fail)
  return {
    ask: (name, payload) => (socket === undefined ? Promise.reject(notConnected()) : ask(socket, name, payload)),
    leave() {
      isLeft = true
      socket?.off()
      socket?.disconnect()
    },
  }
}

function openSocket(url: string, options: Options, credentials: Credentials | undefined, told: Told): Socket {
  const { event = 'notification', socketio } = options
  const auth = { ...credentials, since: told.since() }
  const ours = { auth, autoConnect: true, forceNew: true, reconnection: false }
  const socket = io(url, { withCredentials: true, ...socketio, ...ours })
  socket.on('hello', (hello: Hello) => told.hello(hello))
  socket.on(event, (body: unknown, meta: Meta) => told.notification(body, meta))
  socket.on('inbox', (change: InboxChange) => told.change(change))
  socket.on('bye', (farewell: Farewell) => told.bye(farewell))
  socket.on('connect_error', (error) => {
    // A socket that is still active was refused by nobody: it found no gateway.
    if (socket.active) return told.failed({ code: 'network', message: error.message })
    const { code, message, retry } = refusalIn(error) ?? { code: 'refused', message: error.message, retry: false }
    if (retry) told.failed({ code, message })
    else told.ended('refused', { code, message })
  })
  socket.on('disconnect', (reason) => {
    if (reason === 'io server disconnect') told.ended('ended', { code: 'disconnected', message: reason })
    else told.failed({ code: 'network', message: reason })
  })
  return socket
}
