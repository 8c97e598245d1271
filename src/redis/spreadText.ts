import type { Address } from '../core/address.ts'
import type { Notification } from '../core/notification.ts'
import type { RawJson } from '../core/rawJson.ts'

const LINE_FEED = 0x0a

interface SpreadHead {
  readonly node: string
  readonly id: string
  readonly type: string
  readonly at: number
  readonly expiresAt?: number
  readonly collapse?: string
}

/** A live notification on its way to the other gateways: a letter, JSON, a line feed, the body. */
export function printSpread({ id, type, at, expiresAt, collapse, body }: Notification, node: string): Buffer {
  return Buffer.concat([Buffer.from(`N${JSON.stringify({ node, id, type, at, expiresAt, collapse })}\n`), body])
}

/** Without the letter. */
export function parseSpread(to: Address, bytes: Buffer): [notification: Notification, node: string] {
  const end = bytes.indexOf(LINE_FEED)
  const head = JSON.parse(bytes.toString('utf8', 0, end)) as SpreadHead
  const { node, id, type, at, expiresAt, collapse } = head
  // It was checked where it came in.
  const body = bytes.subarray(end + 1) as Uint8Array as RawJson
  return [{ to, id, type, at, body, expiresAt, collapse }, node]
}
