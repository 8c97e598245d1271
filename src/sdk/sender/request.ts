import { Buffer } from 'node:buffer'
import { judge } from '../notifier/draft.ts'
import { NotifierError } from '../notifier/errors.ts'

/** What the caller may say of a notification. */
export interface KeptOptions {
  /** What kind it is. Default `notification`. */
  readonly type?: string | undefined
  /**
   * 1 to 128 characters. The same id sent again to the same user is kept once, also when another process sends it.
   * Default: a new one.
   */
  readonly id?: string | undefined
  /** Seconds for which it stands: 1 to 31,536,000. Default: as long as the inbox lets it. */
  readonly ttl?: number | undefined
  /** Replaces the user's earlier unread one with the same key. */
  readonly collapse?: string | undefined
  /** false: only who is connected hears it. Default true. */
  readonly keep?: boolean | undefined
}

/** One notification as it goes over the wire, the same each time it is sent. */
export interface Request {
  readonly id: string
  /** The caller's names of the recipients, by how they stand on the wire. */
  readonly recipients: ReadonlyMap<string, string>
  /** Whether there will be copies in inboxes. */
  readonly isKept: boolean
  /** For how long somebody needs it; undefined: as long as it stands. */
  readonly ttlMs: number | undefined
  /** PROTOCOL §2, the two-frame form: the body is delivered byte for byte. */
  readonly frames: readonly [Uint8Array, Uint8Array]
  /** What it takes in memory, about. */
  readonly bytes: number
}

const OVERHEAD_BYTES = 500

/** @throws NotifierError with one of the `draft.…` codes */
export function request(
  recipients: ReadonlyMap<string, string>,
  body: unknown,
  options: KeptOptions & { readonly id: string },
  source: string | undefined,
  maxBytes: number,
): Request {
  const { id, type, ttl, collapse, keep } = options
  const to = [...recipients.keys()]
  const bytes = judge(to, { id, type, ttl, collapse, source }, body, maxBytes)
  if (keep !== undefined && typeof keep !== 'boolean')
    throw new NotifierError('draft.header', 'The header has "keep" that is neither true nor false.')
  const recipient = to.length === 1 ? to[0] : to
  const header = Buffer.from(JSON.stringify({ recipient, source, id, type, ttl, collapse, keep }))
  return {
    id,
    recipients,
    isKept: keep !== false && to.some(isUser),
    ttlMs: ttl === undefined ? undefined : ttl * 1000,
    frames: [header, bytes],
    bytes: header.length + bytes.length + OVERHEAD_BYTES,
  }
}

const isUser = (wire: string) => wire !== '*' && !wire.startsWith('#')
