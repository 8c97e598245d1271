import { GatewayError } from '../core/errors.ts'
import { parseListQuery, parseMark } from '../core/inboxRequests.ts'
import type { Reception } from '../core/ports.ts'
import type { ClientEvent, ClientEvents } from './clientEvents.ts'

/** What a browser may ask on its connection (PROTOCOL.md §4). */
export function requests(reception: Reception): ClientEvents {
  return new Map<string, ClientEvent>([
    [
      'auth',
      async (connection, payload) => {
        const { expiresAt } = await reception.renew(connection, tokenOf(payload))
        return { expiresAt }
      },
    ],
    ['inbox:list', (connection, payload) => reception.list(connection, parseListQuery(payload))],
    ['inbox:mark', async (connection, payload) => ({ counts: await reception.mark(connection, parseMark(payload)) })],
  ])
}

/** @throws GatewayError `event.invalid` */
function tokenOf(payload: unknown): string {
  const token = typeof payload === 'object' && payload !== null && 'token' in payload ? payload.token : undefined
  if (typeof token !== 'string' || token === '')
    throw new GatewayError('event.invalid', { message: 'The event "auth" brings { token }.' })
  return token
}
