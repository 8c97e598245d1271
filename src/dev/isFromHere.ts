import type { IncomingMessage } from 'node:http'

const LOOPBACK_PEER = /^(::ffff:)?127\.|^::1$/
const LOOPBACK_NAME = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/

/**
 * Does somebody at this machine ask? The demo's key and its tokens are known to everybody. A foreign name that was made
 * to point here is a foreign page's way in (DNS rebinding), and a proxy on this machine asks for somebody elsewhere.
 */
export function isFromHere({ socket, headers }: IncomingMessage): boolean {
  return (
    LOOPBACK_PEER.test(socket.remoteAddress ?? '') &&
    LOOPBACK_NAME.test(headers.host ?? '') &&
    headers['x-forwarded-for'] === undefined &&
    headers['forwarded'] === undefined
  )
}
