/**
 * Every refusal there is: what a person reads, the HTTP status, and whether trying the same thing again may help.
 * The codes are the contract with clients and senders; they never change their meaning.
 */
const TABLE = {
  'session.missing': {
    message: 'No credential that this gateway recognises came with the handshake.',
    status: 401,
    retry: false,
  },
  'session.invalid': { message: 'The credential is forged, damaged or not usable here.', status: 401, retry: false },
  'session.expired': { message: 'The session is over; sign in again.', status: 401, retry: false },
  'store.unavailable': { message: 'The store cannot be reached; try again shortly.', status: 503, retry: true },
  'limit.connections': { message: 'Too many connections; close one or come back later.', status: 429, retry: true },
  'limit.rate': { message: 'Too many events in a short time.', status: 429, retry: true },
  'origin.forbidden': { message: 'Pages of this origin may not connect here.', status: 403, retry: false },
  'event.unknown': { message: 'There is no such event.', status: 400, retry: false },
  'event.invalid': { message: 'The event does not have the shape it needs.', status: 400, retry: false },
  draining: { message: 'This gateway is shutting down; connect again.', status: 503, retry: true },
  internal: { message: 'Something went wrong inside the gateway.', status: 500, retry: true },

  'draft.recipient': {
    message: 'A recipient is a user id of 1 to 200 bytes, "#channel" or "*", percent-encoded as the protocol says.',
    status: 400,
    retry: false,
  },
  'draft.recipients': { message: 'A request names 1 to 1,000 recipients.', status: 400, retry: false },
  'draft.frames': {
    message: 'A notification is one frame (recipient|body) or three (recipient|, header, body).',
    status: 400,
    retry: false,
  },
  'draft.header': {
    message: 'The header is not a JSON object with the keys and types of the protocol.',
    status: 400,
    retry: false,
  },
  'draft.version': { message: 'The header has a version that this gateway does not speak.', status: 400, retry: false },
  'draft.id': { message: 'An id is a text of 1 to 128 characters.', status: 400, retry: false },
  'draft.ttl': { message: 'A ttl is a whole number of seconds from 1 to 31,536,000.', status: 400, retry: false },
  'draft.notJson': { message: 'The body is not one JSON value.', status: 400, retry: false },
  'draft.notUtf8': { message: 'The bytes are not UTF-8.', status: 400, retry: false },
  'draft.tooDeep': { message: 'The body is nested deeper than 64 levels.', status: 400, retry: false },
  'draft.tooLarge': { message: 'The body is larger than notifications.maxBytes.', status: 413, retry: false },
  'draft.unknownKey': { message: 'The request has a key that the protocol does not know.', status: 400, retry: false },
  'draft.invalid': {
    message: 'The request is not a JSON object with a recipient and a notification.',
    status: 400,
    retry: false,
  },
  'draft.idConflict': {
    message: 'The id is taken by a notification with another body.',
    status: 409,
    retry: false,
  },
  'ingest.busy': { message: 'Too many notifications are under way; send it again shortly.', status: 503, retry: true },

  'inbox.epoch': { message: 'The inbox was made anew since; list it again.', status: 409, retry: false },
  'inbox.position': {
    message: 'A position is { epoch, seq }: a text, and a whole number from 0 up to the newest.',
    status: 400,
    retry: false,
  },

  'api.unauthorized': {
    message: 'The HTTP API needs "Authorization: Bearer" with one of http.keys.',
    status: 401,
    retry: false,
  },
  'api.notFound': { message: 'There is nothing at this address.', status: 404, retry: false },
  'api.method': { message: 'This address does not answer that method.', status: 405, retry: false },
  'api.contentType': {
    message: 'Send the request as "application/json" in UTF-8, not compressed.',
    status: 415,
    retry: false,
  },
  'api.tails': { message: 'Too many tails are open; close one or come back later.', status: 429, retry: true },
  'api.unready': { message: 'This gateway does not serve at the moment.', status: 503, retry: true },
  'api.query': { message: 'A parameter in the address is not as it should be.', status: 400, retry: false },

  'registry.request': {
    message: 'A registry request is one JSON object whose type the protocol names.',
    status: 400,
    retry: false,
  },
  'registry.address': {
    message: 'The address is no endpoint that a gateway could connect to.',
    status: 400,
    retry: false,
  },
  'registry.full': { message: 'The registry holds as many publishers as it may.', status: 429, retry: true },
} as const satisfies Record<string, { message: string; status: number; retry: boolean }>

export type ErrorCode = keyof typeof TABLE

/** What a client or sender is told: `{ code, message, retry }`, and nothing about our insides. */
export interface PublicError {
  readonly code: ErrorCode
  readonly message: string
  readonly retry: boolean
}

/**
 * Why a credential was refused, for the operator (`heraldo whoami`, the log); a browser hears only the coarse code.
 * NO_COOKIE and NO_USER are `session.missing`, EXPIRED and NO_SESSION `session.expired`, the rest `session.invalid`.
 */
export type RefusalReason =
  | 'NO_COOKIE'
  | 'MALFORMED'
  | 'BAD_SIGNATURE'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'BAD_CLAIM'
  | 'NO_SESSION'
  | 'NO_USER'
  | 'UNSAFE'
  | 'LIMIT'
  | 'UNSUPPORTED'

/** An expected refusal. `message` is the table's unless the thrower knows a more helpful one. */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly retry: boolean
  /** Set on refused sessions only. */
  readonly reason: RefusalReason | undefined

  constructor(code: ErrorCode, options: { message?: string; reason?: RefusalReason; cause?: unknown } = {}) {
    const row = TABLE[code]
    // Walking the stack costs more than all the rest of a refusal, and says nothing: the code does. A cause has its own.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(options.message ?? row.message, options.cause === undefined ? undefined : { cause: options.cause })
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'GatewayError'
    this.code = code
    this.status = row.status
    this.retry = row.retry
    this.reason = options.reason
  }

  toPublic(): PublicError {
    return { code: this.code, message: this.message, retry: this.retry }
  }
}

/** The error a resolver throws: the reason decides the code. */
export function sessionRefused(reason: RefusalReason, cause?: unknown): GatewayError {
  const code =
    reason === 'NO_COOKIE' || reason === 'NO_USER'
      ? 'session.missing'
      : reason === 'EXPIRED' || reason === 'NO_SESSION'
        ? 'session.expired'
        : 'session.invalid'
  return new GatewayError(code, { reason, cause })
}

/** Any thrown thing as a coded error: a bug becomes `internal`, and its cause stays with us. */
export function asGatewayError(thrown: unknown): GatewayError {
  return thrown instanceof GatewayError ? thrown : new GatewayError('internal', { cause: thrown })
}

export const errorTable: Readonly<
  Record<ErrorCode, { readonly message: string; readonly status: number; readonly retry: boolean }>
> = TABLE

/** The gateway cannot start, and why, in one sentence for whoever starts it. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
