import { type Address, encodeUserId, formatRecipient, userAddress } from '../core/address.ts'

/**
 * Every key and channel that Heraldo has in Redis, before each of them the configured prefix.
 *
 * | key | type | stands |
 * |---|---|---|
 * | `publishers` | hash | for good: notifiers without a lease |
 * | `inbox:{user}` | hash | until its longest-standing item could be gone, and 24 to 48 hours more |
 * | `inbox:{user}:order` | stream | as the inbox |
 * | `inbox:{user}:due` | sorted set | as the inbox |
 * | `inbox:{user}:forget` | sorted set | as the inbox |
 * | `id:<id>` | sorted set | as long as the longest-standing copy under the id could be known, or longer |
 * | `to:<recipient>` | channel | – |
 *
 * What the inbox's keys hold is said in scripts/inbox.lua.
 */
export const publishersKey = (prefix: string): string => `${prefix}publishers`

/** In the order in which the scripts take them. The braces keep them together in a cluster. */
export function inboxKeys(prefix: string, user: string): readonly [string, string, string, string] {
  const inbox = `${prefix}inbox:{${encodeUserId(user).replace(BRACE, percent)}}`
  return [inbox, `${inbox}:order`, `${inbox}:due`, `${inbox}:forget`]
}

/** The users who have something under an id, as browsers see it. */
export const ownersKey = (prefix: string, id: string): string => `${prefix}id:${id.replace(ODD, percent)}`

/** Where the gateways tell each other what concerns a recipient. */
export const channelOf = (prefix: string, to: Address): string => `${prefix}to:${formatRecipient(to)}`
export const channelOfUser = (prefix: string, user: string): string => channelOf(prefix, userAddress(user))

const BRACE = /[{}]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a person cannot read in a listing of keys
const ODD = /[\u0000-\u001f\u007f%{}]/g
const percent = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
