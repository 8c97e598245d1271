import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { WebSocketServer } from 'ws'

/**
 * Once there is an upgrade listener, Node hands it every request that offers another protocol: HTTP/2 (curl --http2,
 * Java's HttpClient), or a WebSocket elsewhere. A server may ignore the offer (RFC 9110 §7.8), so such a request goes
 * back to the HTTP server without it, by the event that Node documents for connections from elsewhere.
 */
export function serveWithoutUpgrade(server: Server, request: IncomingMessage, wire: Duplex, rest: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.toLowerCase() !== 'upgrade') lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`)
  wire.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), rest]))
  server.emit(wire instanceof TLSSocket ? 'secureConnection' : 'connection', wire)
}

/**
 * Leaves WebSocket pings unanswered: the answers to a client that sends them and reads nothing would pile up without a
 * bound. Browsers cannot send any, and Engine.IO has a heartbeat of its own.
 */
export class PonglessWebSocketServer extends WebSocketServer {
  constructor(options: ConstructorParameters<typeof WebSocketServer>[0]) {
    super({ ...options, autoPong: false })
  }
}
