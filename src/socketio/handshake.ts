import type { IncomingMessage } from 'node:http'
import { parsePosition } from '../core/inboxRequests.ts'
import type { Handshake } from '../core/session.ts'
import type { Socket } from './tab.ts'

/** What a browser brought, of a Socket.IO handshake. Nothing in it is trusted. @throws GatewayError `inbox.position` */
export function toHandshake({ handshake }: Socket, remoteAddress: string, at: number): Handshake {
  const { cookie, authorization } = handshake.headers
  const token: unknown = handshake.auth['token']
  const since: unknown = handshake.auth['since'] ?? undefined
  return {
    cookie,
    authorization,
    token: typeof token === 'string' ? token : undefined,
    since: since === undefined ? undefined : parsePosition(since),
    remoteAddress,
    at,
  }
}

/**
 * Who is at the other end. Of X-Forwarded-For only the last hop is believed, which our own proxy wrote; everything
 * before it is what the client says.
 */
export function addressOf(request: IncomingMessage, peer: string | undefined, trustProxy: boolean): string {
  const forwarded = trustProxy
    ? String(request.headers['x-forwarded-for'] ?? '')
        .split(',')
        .at(-1)
        ?.trim()
    : ''
  const address = forwarded || peer || ''
  return address.startsWith(IPV4_IN_IPV6) ? address.slice(IPV4_IN_IPV6.length) : address
}

/** How a socket that listens on both names an IPv4 peer. */
const IPV4_IN_IPV6 = '::ffff:'
