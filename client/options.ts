import type { ManagerOptions, SocketOptions } from 'socket.io-client'

export interface Options {
  /**
   * Called at every attempt to connect, so that a token is fresh. Failing is a refusal that is tried again. Not needed
   * where a cookie says who it is.
   */
  readonly auth?: () => Credentials | Promise<Credentials>
  /** The gateway's `notifications.event`; `notification` by default. */
  readonly event?: string
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
