import type { Refusal } from './wire.ts'

/**
 * Why something that was asked was not done. `code` is the gateway's, or `network` (not connected, or no longer), or
 * `timeout`; after these two it may have been done all the same. `retry`: the same may be answered later.
 */
export class HeraldoError extends Error {
  override readonly name = 'HeraldoError'
  readonly code: string
  readonly retry: boolean

  constructor({ code, message, retry }: Refusal) {
    super(message)
    this.code = code
    this.retry = retry
  }
}
