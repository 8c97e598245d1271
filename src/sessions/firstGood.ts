import { GatewayError } from '../core/errors.ts'
import type { Session } from '../core/session.ts'

/**
 * The session of the first credential that is good; null when there is none at all. When all are refused, a refusal of
 * one that was genuine (expired, logged out) says more than that another was not.
 * @throws GatewayError
 */
export async function firstGood(
  credentials: readonly string[],
  judge: (credential: string) => Promise<Session>,
): Promise<Session | null> {
  let refusal: GatewayError | undefined
  for (const credential of credentials) {
    try {
      return await judge(credential)
    } catch (error) {
      if (!(error instanceof GatewayError) || error.reason === undefined) throw error
      if (refusal === undefined || isForged(refusal)) refusal = error
    }
  }
  if (refusal !== undefined) throw refusal
  return null
}

const isForged = ({ reason }: GatewayError) => reason === 'BAD_SIGNATURE' || reason === 'MALFORMED'
