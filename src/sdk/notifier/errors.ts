import type { ErrorCode } from '../../core/errors.ts'
import { GatewayError } from '../../core/errors.ts'

const MESSAGES = {
  'notifier.options': 'An option of the notifier is not as it should be.',
  'notifier.bind': 'The address cannot be bound.',
  'notifier.notReady': 'No gateway heard in time.',
  'notifier.busy': 'The send queue is full; await notify() before sending more.',
  'notifier.closed': 'The notifier is closed.',
} as const

/** `draft.…` is what a gateway would have refused too; `notifier.…` is about this notifier. Codes never change their meaning. */
export type NotifierErrorCode = keyof typeof MESSAGES | Extract<ErrorCode, `draft.${string}`>

/** What this SDK throws: a code for the program and a sentence for the person. */
export class NotifierError extends Error {
  readonly code: NotifierErrorCode
  /** Whether the same thing may succeed later. */
  readonly retry: boolean

  constructor(code: NotifierErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = 'NotifierError'
    this.code = code
    this.retry = code === 'notifier.busy' || code === 'notifier.notReady'
  }
}

export const notifierError = (code: keyof typeof MESSAGES, cause?: unknown) =>
  new NotifierError(code, MESSAGES[code], cause === undefined ? {} : { cause })

/** What the core refuses about a draft, in our words; everything else is a bug and stays what it is. */
export function asNotifierError(thrown: unknown): unknown {
  return thrown instanceof GatewayError && isDraftCode(thrown.code)
    ? new NotifierError(thrown.code, thrown.message, { cause: thrown })
    : thrown
}

const isDraftCode = (code: ErrorCode): code is Extract<ErrorCode, `draft.${string}`> => code.startsWith('draft.')
