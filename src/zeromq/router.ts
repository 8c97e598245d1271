import type { Clock } from '../core/ports.ts'
import type { Patience } from './reading.ts'

/** Where senders ask and are answered: a ROUTER for DEALER and REQ. */
export interface Router {
  /** @throws StartError names the address when it cannot be had */
  open(): Promise<void>
  /** Hears what has arrived. */
  drain(patience: Patience): Promise<void>
  /** Answers that were given leave first, if who asked takes them. */
  close(): Promise<void>
}

export interface RouterParts {
  readonly address: string
  /** Of the configuration, where the address stands. */
  readonly key: string
  /** Who sends more in one message is disconnected. */
  readonly maxMessageBytes: number
  readonly clock: Clock
  /** In the order of arrival, without the frame that says who asks. Must not throw. */
  onMessage(frames: readonly Buffer[], asker: Asker): void
  /** An answer found nobody, or no room. */
  onLost(asker: Asker, reason: 'gone' | 'full'): void
  onFault(during: string, error: unknown): void
}

/** Who asks. */
export interface Asker {
  /** As it calls itself where that can be printed; else what tells it apart as long as it is connected. */
  readonly name: string
  /** Never throws, and waits for nobody. */
  answer(frames: readonly Uint8Array[]): void
}

/** An identity that can be printed. */
export const nameIn = (identity: Uint8Array | undefined): string | undefined => {
  const text = Buffer.from(identity ?? []).toString('latin1')
  return /^[!-~]{1,64}$/.test(text) ? text : undefined
}
