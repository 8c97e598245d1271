import type { Event, Socket } from 'zeromq'
import type { Clock } from '../core/ports.ts'

const DEAD_AFTER_MS = 5_000
const MAX_BACKOFF_MS = 60_000

interface Listeners {
  /** The handshake is done: the other side hears us, or will. */
  onUp?(): void
  onDown?(): void
  /** The connection had ended without another try, so there is a new one. */
  onRevived?(reason: string): void
}

/**
 * The one connection of a socket to one address, watched. libzmq tries again by itself, except when it does not: after
 * a failed authentication, a protocol error or an oversize message the connection is dead for ever, and silent.
 */
export class Line {
  readonly #socket: Socket
  readonly #address: string
  readonly #clock: Clock
  readonly #listeners: Listeners
  #up = false
  #revivals = 0
  #stopWatchdog: (() => void) | undefined

  constructor(socket: Socket, address: string, clock: Clock, listeners: Listeners) {
    this.#socket = socket
    this.#address = address
    this.#clock = clock
    this.#listeners = listeners
  }

  get isUp(): boolean {
    return this.#up
  }

  /** @throws when libzmq takes the address for no endpoint */
  connect(): void {
    void this.#observe()
    this.#socket.connect(this.#address)
  }

  /** Drops the connection and makes another. What has arrived on the old one and is not read yet is lost. */
  reconnect(reason: string): void {
    this.#setUp(false)
    this.#revivals++
    this.#callOffWatchdog()
    // It sees to it that even this attempt is not the last one; a retry or a handshake calls it off.
    this.#startWatchdog(reason)
    try {
      this.#socket.disconnect(this.#address)
    } catch {
      // libzmq has already forgotten the endpoint, which is all that was wanted.
    }
    try {
      this.#socket.connect(this.#address)
    } catch {
      return
    }
    this.#listeners.onRevived?.(reason)
  }

  /** Call it before the socket is closed. */
  close(): void {
    this.#callOffWatchdog()
    this.#setUp(false)
  }

  async #observe(): Promise<void> {
    const observer = this.#socket.events
    while (!observer.closed) {
      try {
        this.#hear(await observer.receive())
      } catch {
        // The observer ends with its socket, and says so by rejecting.
        return
      }
    }
  }

  #hear(event: Event): void {
    if (this.#socket.closed) return
    switch (event.type) {
      case 'handshake':
        this.#revivals = 0
        this.#callOffWatchdog()
        this.#setUp(true)
        return
      case 'connect:retry':
        this.#callOffWatchdog()
        this.#setUp(false)
        return
      case 'disconnect':
      case 'handshake:error:auth':
      case 'handshake:error:protocol':
      case 'handshake:error:other':
        this.#setUp(false)
        this.#startWatchdog(event.type)
        return
      default:
    }
  }

  #setUp(up: boolean): void {
    if (this.#up === up) return
    this.#up = up
    if (up) this.#listeners.onUp?.()
    else this.#listeners.onDown?.()
  }

  #startWatchdog(reason: string): void {
    const wait = Math.min(DEAD_AFTER_MS * 2 ** this.#revivals, MAX_BACKOFF_MS)
    this.#stopWatchdog ??= this.#clock.later(wait, () => this.reconnect(reason))
  }

  #callOffWatchdog(): void {
    this.#stopWatchdog?.()
    this.#stopWatchdog = undefined
  }
}
