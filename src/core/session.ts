import type { Position } from './notification.ts'

/** What a browser brings to its handshake. Nothing in it is trusted. */
export interface Handshake {
  /** The raw `Cookie` header. */
  readonly cookie: string | undefined
  /** The raw `Authorization` header. */
  readonly authorization: string | undefined
  /** `auth.token` of a Socket.IO handshake. */
  readonly token: string | undefined
  /** `auth.since`: up to where it has heard its inbox. */
  readonly since?: Position | undefined
  readonly remoteAddress: string
  /** When to judge it, in milliseconds since 1970. */
  readonly at: number
}

/** Somebody who was recognised. */
export interface Session {
  readonly user: User
  /** The resolver that recognised it: `beaker`, `jwt`, … */
  readonly via: string
  /** When it ends, in milliseconds since 1970; undefined: it brings no end of its own. */
  readonly expiresAt: number | undefined
}

export interface User {
  readonly id: string
  /** What the configuration lists of the session; the browser hears it. Absent when there is nothing. */
  readonly info?: UserInfo
}

export type UserInfo = Readonly<Record<string, string | number | boolean>>
