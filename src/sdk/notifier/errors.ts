import type { ErrorCode } from '../../core/errors.ts'
import { GatewayError } from '../../core/errors.ts'

const MESSAGES = {
  'notifier.options': 'An option of the notifier is not as it should be.',
  'notifier.bind': 'The address cannot be bound.',
  'notifier.notReady': 'No gateway heard in time.',
  'notifier.busy': 'The send queue is full; await notify() before sending more.',
  'notifier.closed': 'The notifier is closed.',
  'notifier.unacknowledged': 'No acknowledgement came before the sender closed; the same id again is safe.',
  'spool.full': 'Too many notifications wait for their acknowledgement; send more when some have it.',
} as const
const RETRY: ReadonlySet<string> = new Set([
  'notifier.busy',
  'notifier.notReady',
  'notifier.unacknowledged',
  'spool.full',
])

/**
 * `draft.…` is what a gateway would have refused too; `notifier.…` and `spool.…` are about this notifier or sender. Codes
 * never change their meaning.
 */
export type NotifierErrorCode = keyof typeof MESSAGES | Extract<ErrorCode, `draft.${string}`>

/** A gateway that answered may be newer than this SDK, and know codes that it does not. */
export type RefusalCode = ErrorCode | (string & Record<never, never>)

interface ErrorOptions {
  readonly cause?: unknown
  readonly retry?: boolean
  readonly id?: string | undefined
  readonly recipients?: readonly string[] | undefined
}

/** What this SDK throws: a code for the program and a sentence for the person. */
export class NotifierError extends Error {
  readonly code: NotifierErrorCode | RefusalCode
  /** Whether the same thing may succeed later. */
  readonly retry: boolean
  /** Of the notification that a sender had given one. */
  readonly id: string | undefined
  /** Who is refused, where the others' copies stand. */
  readonly recipients: readonly string[] | undefined

  constructor(code: NotifierErrorCode | RefusalCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'NotifierError'
    this.code = code
    this.retry = options.retry ?? RETRY.has(code)
    this.id = options.id
    this.recipients = options.recipients
  }
}

export const notifierError = (code: keyof typeof MESSAGES, options: ErrorOptions = {}) =>
  new NotifierError(code, MESSAGES[code], options)

/** What the core refuses about a draft, in our words; everything else is a bug and stays what it is. */
export function asNotifierError(thrown: unknown): unknown {
  return thrown instanceof GatewayError && isDraftCode(thrown.code)
    ? new NotifierError(thrown.code, thrown.message, { cause: thrown })
    : thrown
}

const isDraftCode = (code: ErrorCode): code is Extract<ErrorCode, `draft.${string}`> => code.startsWith('draft.')
