import { GatewayError } from './errors.ts'

/** Where a notification goes: the hub's key. A user's id follows the colon as it is, unencoded. */
export type Address = `user:${string}` | `channel:${string}` | 'everyone'

export const EVERYONE: Address = 'everyone'
const MAX_ID_BYTES = 200
const CHANNEL_NAME = /^[A-Za-z0-9_\-=@,.;]{1,200}$/

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly the characters a recipient may not show
const MUST_ENCODE = /[\u0000-\u001f\u007f%|]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const MUST_ENCODE_ALL = /[\u0000-\u001f\u007f%|]/g
const RESERVED_FIRST = /^[#*!]/
/** Most ids: nothing in them is encoded, and they are short enough. */
const PLAIN = /^[\w.@-]{1,200}$/
const ESCAPE = /%([0-9A-F]{2})/g

export const userAddress = (id: string): Address => `user:${id}`
export const channelAddress = (name: string): Address => `channel:${name}`

/**
 * The address that a recipient on the wire names (without its closing bar): `42`, `#orders`, `*`.
 * Only the one canonical writing of an id is taken, because subscriptions match bytes: what is written differently
 * could never be heard. @throws GatewayError `draft.recipient`
 */
export function parseRecipient(wire: string): Address {
  if (PLAIN.test(wire)) return userAddress(wire)
  if (wire === '*') return EVERYONE
  if (wire.startsWith('#')) {
    const name = wire.slice(1)
    if (!CHANNEL_NAME.test(name))
      throw new GatewayError('draft.recipient', {
        message: 'A channel name has 1 to 200 characters of A-Z a-z 0-9 _ - = @ , . ;',
      })
    return channelAddress(name)
  }
  const id = decodeUserId(wire)
  assertUserId(id)
  if (encodeUserId(id) !== wire) throw new GatewayError('draft.recipient')
  return userAddress(id)
}

/** The recipient as it stands on the wire, without the closing bar. The inverse of `parseRecipient`. */
export function formatRecipient(address: Address): string {
  if (address === EVERYONE) return '*'
  return address.startsWith('channel:') ? `#${address.slice(8)}` : encodeUserId(address.slice(5))
}

/** Percent-encodes what could be mistaken for our own punctuation, and nothing else. */
export function encodeUserId(id: string): string {
  if (PLAIN.test(id)) return id
  const plain = MUST_ENCODE.test(id) ? id.replace(MUST_ENCODE_ALL, percent) : id
  return RESERVED_FIRST.test(plain) ? percent(plain.charAt(0)) + plain.slice(1) : plain
}

/** @throws GatewayError `draft.recipient` when the id has not 1 to 200 bytes of well-formed UTF-8 */
export function assertUserId(id: string): void {
  if (!isUserId(id)) throw new GatewayError('draft.recipient')
}

export function isUserId(id: string): boolean {
  return (
    id.length > 0 &&
    id.length <= MAX_ID_BYTES &&
    isWellFormed(id) &&
    (id.length * 3 <= MAX_ID_BYTES || utf8Length(id) <= MAX_ID_BYTES)
  )
}

const decodeUserId = (wire: string) =>
  wire.includes('%') ? wire.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : wire
const percent = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
const utf8Length = (text: string) => new TextEncoder().encode(text).length
/** Lone surrogates have no UTF-8: two different ids would become the same bytes. */
export const isWellFormed = (text: string) => !/\p{Surrogate}/u.test(text)
