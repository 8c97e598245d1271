/** What the gateway sends (PROTOCOL.md §4), as far as the client core uses it or hands it on. */

export interface User {
  readonly id: string
  /** What the gateway's configuration lists of the session. */
  readonly info?: Readonly<Record<string, string | number | boolean>>
}

export interface Hello {
  readonly user: User
}

/** What stands beside a notification's body. Times are milliseconds since 1970. */
export interface Meta {
  readonly id: string
  readonly type: string
  readonly at: number
  readonly expiresAt?: number
  readonly collapse?: string
}

/** The last thing that the gateway says. After `drain` and `slow` it wants us back, after the others it does not. */
export interface Farewell {
  readonly code: 'drain' | 'slow' | 'expired' | 'revoked' | 'limit'
  readonly retryInMs: number
}

/** Why the gateway did not let us in. */
export interface Refusal {
  readonly code: string
  readonly message: string
  readonly retry: boolean
}

/** What a `connect_error` carries: undefined when it is not the gateway that speaks. */
export function refusalIn(error: Error & { readonly data?: unknown }): Refusal | undefined {
  const { data } = error
  if (typeof data !== 'object' || data === null || !('code' in data) || !('retry' in data)) return undefined
  const { code, retry } = data
  if (typeof code !== 'string' || typeof retry !== 'boolean') return undefined
  return { code, message: error.message, retry }
}
