import { type GatewayError, sessionRefused } from '../core/errors.ts'

/** Refusals of what was read, with what was wrong for the operator. They name shapes, never contents. */
export const malformed = (what: string): GatewayError => sessionRefused('MALFORMED', what)
export const unsafe = (what: string): GatewayError => sessionRefused('UNSAFE', what)
export const overLimit = (what: string): GatewayError => sessionRefused('LIMIT', what)
