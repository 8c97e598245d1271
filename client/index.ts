import { Client } from './client.ts'
import type { Heraldo } from './heraldo.ts'
import type { Options } from './options.ts'

export type { Happenings, Heraldo, Reason, State } from './heraldo.ts'
export type { Credentials, Options } from './options.ts'
export type { Farewell, Meta, User } from './wire.ts'

/**
 * Connects to a gateway and stays connected. `url` is the gateway's origin, `'/'` the page's own. Nothing is told before
 * the caller's turn is over, so listeners that are added at once miss nothing.
 */
export function connect(url: string, options: Options = {}): Heraldo {
  const client = new Client(url, options)
  client.connect()
  return client
}
