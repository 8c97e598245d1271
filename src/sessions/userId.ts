import { isUserId } from '../core/address.ts'
import { sessionRefused } from '../core/errors.ts'

/**
 * A user id that was found in a session, as text. Whole numbers count when they are exact; nothing else does.
 * @throws GatewayError with the reason NO_USER
 */
export function userIdFrom(found: unknown): string {
  const id = typeof found === 'bigint' || Number.isSafeInteger(found) ? `${found}` : found
  if (typeof id !== 'string' || !isUserId(id)) throw sessionRefused('NO_USER')
  return id
}
