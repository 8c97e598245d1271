import { createHash, timingSafeEqual } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { sessionRefused } from '../core/errors.ts'
import type { SessionResolver } from '../core/ports.ts'
import type { Handshake, Session } from '../core/session.ts'
import { type UserDataFormat, writtenUserId } from './authTktUserId.ts'
import { cookieValues } from './cookies.ts'
import { firstGood } from './firstGood.ts'
import { type InfoPaths, infoOf } from './info.ts'
import { pyText } from './pyValue.ts'
import { malformed } from './refusals.ts'
import { isIpv4InIpv6, percentDecoded, refuseControls, unescaped } from './ticketText.ts'
import { userIdFrom } from './userId.ts'

export interface AuthTktOptions {
  /** The cookie's name. */
  readonly cookie: string
  /** The application's secret, or several while it rotates. */
  readonly secret: string | readonly string[]
  readonly digest: keyof typeof DIGEST_LENGTHS
  /** Is the ticket bound to the address of the browser that signed in? */
  readonly includeIp: boolean
  /** Seconds that a ticket is good for; null: for ever. */
  readonly timeout: number | null
  /** Seconds by which a ticket may come from the future. */
  readonly maxClockSkew: number
  /** How the application writes the user data, and in it the type of the user id. */
  readonly userData: UserDataFormat
  /** What of the ticket the browser hears, beside the id: `["tokens"]`, `["userData"]`. */
  readonly info?: InfoPaths | undefined
}

interface Ticket {
  readonly digest: Uint8Array
  /** In seconds since 1970. */
  readonly timestamp: number
  readonly userId: Uint8Array
  /** A character is a byte. */
  readonly tokens: string
  readonly userData: string
}

const DIGEST_LENGTHS = { md5: 32, sha256: 64, sha512: 128 } as const
const TIMESTAMP = /^[0-9a-f]{8}$/
const TIMESTAMP_LENGTH = 8
const NO_ADDRESS = '0.0.0.0'
const NUL = Buffer.of(0)
/** Beyond ASCII, tokens and user data are signed as the header's bytes (WebOb), or as its characters (Python 3's WSGI). */
const WRITINGS = ['latin1', 'utf8'] as const

/** Recognises the signed tickets of mod_auth_tkt's kin: repoze.who, Paste, Pyramid. All that is known stands in them. */
export function authTkt(options: AuthTktOptions): SessionResolver {
  const { digest, includeIp, userData } = options
  const secrets = typeof options.secret === 'string' ? [options.secret] : options.secret
  if (secrets.length === 0 || secrets.includes('')) throw new Error('authTkt: an empty secret signs for everybody')

  const judge = async (cookie: string, { remoteAddress, at }: Handshake): Promise<Session> => {
    const ticket = parseTicket(cookie, DIGEST_LENGTHS[digest])
    const address = addressBytes(includeIp ? remoteAddress : NO_ADDRESS, ticket.timestamp)
    const isGenuine = secrets.some((secret) =>
      WRITINGS.some((writing) => timingSafeEqual(ticket.digest, digestOf(digest, address, secret, ticket, writing))),
    )
    if (!isGenuine) throw sessionRefused('BAD_SIGNATURE')
    const expiresAt = endOf(ticket.timestamp, options, at)
    const id = writtenUserId(ticket.userId, ticket.userData, userData)
    const info = infoOf(options.info, (path) => textIn(ticket, path))
    return { user: { id: userIdFrom(id), ...info }, via: 'authTkt', expiresAt }
  }

  return {
    name: 'authTkt',
    // Of several cookies Python takes the last, so it is asked first.
    resolve: async (handshake) =>
      firstGood(cookieValues(handshake.cookie, options.cookie).toReversed(), (value) => judge(value, handshake)),
  }
}

/**
 * Takes a ticket apart: digest, timestamp, user id, `!`, perhaps tokens and `!`, user data. The digest joins the parts
 * with NUL, so a NUL within one would let a genuine ticket be cut anew, into somebody else's. It is refused here,
 * before anything is compared. @throws GatewayError with the reason MALFORMED
 */
function parseTicket(cookie: string, digestLength: number): Ticket {
  const text = unescaped(cookie)
  refuseControls(text)
  const idStart = digestLength + TIMESTAMP_LENGTH
  const timestamp = text.slice(digestLength, idStart)
  if (!TIMESTAMP.test(timestamp)) throw malformed('a ticket without its timestamp')
  const idEnd = text.indexOf('!', idStart)
  if (idEnd === -1) throw malformed('a ticket without the end of its user id')
  const tokensEnd = text.indexOf('!', idEnd + 1)
  const userId = percentDecoded(text.slice(idStart, idEnd))
  refuseControls(userId.toString('latin1'))
  return {
    digest: Buffer.from(text.slice(0, digestLength), 'latin1'),
    timestamp: Number.parseInt(timestamp, 16),
    userId,
    tokens: tokensEnd === -1 ? '' : text.slice(idEnd + 1, tokensEnd),
    userData: text.slice(Math.max(idEnd, tokensEnd) + 1),
  }
}

/** The two texts of a ticket; an empty one is none. */
function textIn({ tokens, userData }: Ticket, [name, ...rest]: readonly string[]): string | undefined {
  const text = rest.length > 0 ? '' : name === 'tokens' ? tokens : name === 'userData' ? userData : ''
  return text === '' ? undefined : pyText(Buffer.from(text, 'latin1'))
}

/** Four bytes of address and four of time; of IPv6 what Pyramid makes: both as text. */
function addressBytes(remoteAddress: string, timestamp: number): Uint8Array {
  const address = isIpv4InIpv6(remoteAddress) ? remoteAddress.slice(remoteAddress.lastIndexOf(':') + 1) : remoteAddress
  if (address.includes(':')) return Buffer.from(`${address}${timestamp}`)
  if (!isIPv4(address)) throw malformed('no network address that a ticket could be bound to')
  const bytes = Buffer.alloc(8)
  bytes.set(address.split('.').map(Number))
  bytes.writeUInt32BE(timestamp, 4)
  return bytes
}

function digestOf(
  algorithm: string,
  address: Uint8Array,
  secret: string,
  { userId, tokens, userData }: Ticket,
  writing: (typeof WRITINGS)[number],
): Uint8Array {
  const inner = createHash(algorithm).update(address).update(secret).update(userId).update(NUL)
  inner.update(tokens, writing).update(NUL).update(userData, writing)
  const outer = createHash(algorithm).update(inner.digest('hex')).update(secret)
  return Buffer.from(outer.digest('hex'), 'latin1')
}

/** The libraries look back only; a ticket from the future would be good for ever. */
function endOf(timestamp: number, { timeout, maxClockSkew }: AuthTktOptions, at: number): number | undefined {
  if (timestamp - at / 1000 > maxClockSkew) throw sessionRefused('NOT_YET_VALID')
  if (timeout === null) return undefined
  const end = (timestamp + timeout) * 1000
  if (at > end) throw sessionRefused('EXPIRED')
  // At the very moment of its end a ticket still counts.
  return Math.max(end, at + 1)
}
