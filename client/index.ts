import { Client } from './client.ts'
import type { Heraldo } from './heraldo.ts'
import type { Options } from './options.ts'

export type { Happenings, Heraldo, Inbox, Reason, State } from './heraldo.ts'
export { HeraldoError } from './heraldoError.ts'
export type { Credentials, Options } from './options.ts'
export type { KeyValueStorage } from './places.ts'
export type {
  Change,
  Counts,
  Farewell,
  Flags,
  Item,
  ListQuery,
  Marked,
  MarkOp,
  Meta,
  Page,
  Position,
  User,
} from './wire.ts'

/**
 * Connects to a gateway and stays connected. `url` is the gateway's origin, `'/'` the page's own. Nothing is told before
 * the caller's turn is over, so listeners that are added at once miss nothing.
 */
export function connect(url: string, options: Options = {}): Heraldo {
  const client = new Client(url, options)
  client.connect()
  return client
}
