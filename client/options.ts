import type { ManagerOptions, SocketOptions } from 'socket.io-client'
import type { KeyValueStorage } from './places.ts'

export interface Options {
  /**
   * Called at every attempt to connect, so that a token is fresh. Failing is a refusal that is tried again. Not needed
   * where a cookie says who it is.
   */
  readonly auth?: () => Credentials | Promise<Credentials>
  /** The gateway's `notifications.event`; `notification` by default. */
  readonly event?: string
  /**
   * Where it outlives the page up to where kept notifications have been shown, and the ids of the last hundred. By
   * default the browser's `localStorage`, with `sessionStorage` for what each tab has shown itself; outside of browsers,
   * and with null, the page alone remembers. Two connections of one page want two storages.
   */
  readonly storage?: KeyValueStorage | null
  /**
   * For Socket.IO: `path`, `transports`, … `reconnectionDelay` (1,000 ms) and `reconnectionDelayMax` (10,000 ms) bound
   * the pauses between attempts.
   */
  readonly socketio?: Omit<
    Partial<ManagerOptions & SocketOptions>,
    'auth' | 'autoConnect' | 'forceNew' | 'reconnection'
  >
}

export interface Credentials {
  readonly token?: string
}
