import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import { GatewayError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import { addressOf } from './handshake.ts'

export interface DoorRules {
  readonly name: string
  readonly origins: readonly string[]
  readonly trustProxy: boolean
  readonly events: Events
  readonly isDraining: () => boolean
}

/**
 * An Engine.IO middleware that every newcomer passes, long-polling and WebSocket alike: `cors` keeps no WebSocket out, and
 * Engine.IO's own `allowRequest` would answer a refused upgrade with 400. A request without an Origin passes: it is no
 * browser's, or one from the same origin.
 */
export function door(rules: DoorRules) {
  const origins = new Set(rules.origins)
  return (request: IncomingMessage, response: unknown, next: () => void): void => {
    const { origin } = request.headers
    if (!isHandshake(request)) next()
    else if (origin !== undefined && !origins.has(origin)) refuse('origin.forbidden', request, response, rules)
    else if (rules.isDraining()) refuse('draining', request, response, rules)
    else next()
  }
}

/** Who knows a session's id is here already, and has yet to hear its farewell. As in Engine.IO, the last `sid` counts. */
function isHandshake({ url = '' }: IncomingMessage): boolean {
  const sid = new URL(url, 'http://localhost').searchParams.getAll('sid').at(-1)
  return sid === undefined || sid === ''
}

function refuse(
  code: 'origin.forbidden' | 'draining',
  request: IncomingMessage,
  response: unknown,
  { events, name, trustProxy }: DoorRules,
): void {
  const error = new GatewayError(code)
  const remoteAddress = addressOf(request, request.socket.remoteAddress, trustProxy)
  events.emit('connection.refused', { transport: name, remoteAddress, code, reason: undefined })
  const body = JSON.stringify({ error: error.toPublic() })
  if (response instanceof ServerResponse) {
    response.writeHead(error.status, { 'content-type': 'application/json' }).end(body)
    return
  }
  const { socket } = request
  // Nobody else listens to it any more, and an error without a listener would end the process.
  socket.on('error', () => socket.destroy())
  socket.write(
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  socket.destroySoon()
}
