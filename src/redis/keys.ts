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
 * | `ids:<day>:<shard>` | sorted set | until that day, in days since 1970, is over, and an hour or so more |
 * | `to:<recipient>` | channel | – |
 *
 * What the inbox's keys hold is said in scripts/inbox.lua; those of `ids` in idIndex.ts.
 */
export const publishersKey = (prefix: string): string => `${prefix}publishers`

/** The braces keep an inbox's keys together in a cluster. */
export const inboxKey = (prefix: string, user: string): string =>
  `${prefix}inbox:{${encodeUserId(user).replace(BRACE, percent)}}`
/** What those keys end in, in the order in which the scripts take them. */
export const INBOX_PARTS = ['', ':order', ':due', ':forget'] as const

/** Who has something under which id until this day; an id is always in the same shard. */
export const idsKey = (prefix: string, day: number, shard: number): string => `${prefix}ids:${day}:${shard}`
/** A power of two; so many that none is the hot key of a cluster, or so large that Redis stands still to let go of it. */
export const ID_SHARDS = 64

/** Where the gateways tell each other what concerns a recipient. */
export const channelOf = (prefix: string, to: Address): string => `${prefix}to:${formatRecipient(to)}`
export const channelOfUser = (prefix: string, user: string): string => channelOf(prefix, userAddress(user))

const BRACE = /[{}]/g
const percent = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
