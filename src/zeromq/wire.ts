import type { Clock } from '../core/ports.ts'
import type { Patience } from './reading.ts'

/** The connection to one notifier's PUB socket. It is made again whenever it ends, with all filters, until `close`. */
export interface Wire {
  /** Every filter is out. */
  readonly isUp: boolean
  /** @throws when the address is no endpoint */
  open(): void
  /** Resolves when the filter is on its way, or goes out with the next connection. */
  subscribe(recipient: string): Promise<void>
  unsubscribe(recipient: string): void
  /** Drops the connection and makes another. What has arrived on the old one and was not read yet is lost. */
  reconnect(reason: string): void
  /** What has arrived is heard. */
  drain(patience: Patience): Promise<void>
  close(): Promise<void>
}

export interface WireParts {
  readonly address: string
  /** All recipients that are to be heard now, as they stand on the wire. */
  readonly filters: () => Iterable<string>
  /** Who sends more in one message is disconnected. */
  readonly maxMessageBytes: number
  readonly clock: Clock
  /** In the order of arrival. Must not throw. */
  onMessage(frames: readonly Buffer[]): void
  onUp(): void
  onDown(): void
  /** The connection had ended for a reason that would come again, or was given up: there is another try. */
  onRevived(reason: string): void
  /** It speaks what only libzmq understands. False: nobody can take over, it is to be tried again. */
  onOld(reason: string): boolean
  onFault(during: string, error: unknown): void
}
