import type { Position } from '../../core/notification.ts'
import { isRecord, parseJson, printable } from '../notifier/reply.ts'

/** What a gateway replies to one request (PROTOCOL §2). */
export type Answer = Acknowledgement | Refusal

export interface Acknowledgement {
  readonly ok: true
  readonly id: string
  readonly duplicate: boolean
  /** By recipient as it stands on the wire. */
  readonly positions: ReadonlyMap<string, Position>
  readonly store: string | undefined
}

export interface Refusal {
  readonly ok: false
  readonly id: string
  readonly code: string
  readonly message: string
  readonly retry: boolean
  /** As they stand on the wire. */
  readonly recipients: readonly string[] | undefined
}

/** undefined: it is no answer, or one to nothing that has an id. */
export function readAnswer(frame: Uint8Array | undefined): Answer | undefined {
  const said = parseJson(frame)
  if (!isRecord(said) || typeof said['id'] !== 'string') return undefined
  const { id } = said
  if (said['ok'] === false) return refusal(id, said['error'])
  const positions = positionsIn(said['positions'] ?? {})
  if (said['ok'] !== true || positions === undefined) return undefined
  const store = typeof said['store'] === 'string' ? said['store'] : undefined
  return { ok: true, id, duplicate: said['duplicate'] === true, positions, store }
}

function refusal(id: string, error: unknown): Refusal | undefined {
  if (!isRecord(error)) return undefined
  const { code, message, retry, recipients } = error
  if (typeof code !== 'string' || typeof retry !== 'boolean') return undefined
  const named = Array.isArray(recipients) ? recipients.filter((one) => typeof one === 'string') : undefined
  return { ok: false, id, code: printable(code), message: printable(String(message)), retry, recipients: named }
}

function positionsIn(said: unknown): ReadonlyMap<string, Position> | undefined {
  if (!isRecord(said)) return undefined
  const positions = new Map<string, Position>()
  for (const [recipient, position] of Object.entries(said)) {
    if (!isRecord(position)) return undefined
    const { epoch, seq } = position
    if (typeof epoch !== 'string' || typeof seq !== 'number') return undefined
    positions.set(recipient, { epoch, seq })
  }
  return positions
}
