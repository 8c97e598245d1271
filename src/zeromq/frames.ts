import type { Submission } from '../core/draft.ts'
import { GatewayError } from '../core/errors.ts'
import { decodeUtf8 } from '../core/rawJson.ts'

const BAR = 0x7c
/** 200 bytes of id, each of them percent-encoded. */
const MAX_RECIPIENT_BYTES = 600

/** Subscriptions as XSUB sends them: prefixes that end in the bar, or `42` would hear `420` too. */
export const subscribeTo = (recipient: string) => `\u0001${recipient}|`
export const unsubscribeFrom = (recipient: string) => `\u0000${recipient}|`

export const isHeartbeat = ([first]: readonly Buffer[]) =>
  first?.[0] === HEARTBEAT[0] && first?.subarray(0, HEARTBEAT.length).equals(HEARTBEAT) === true

/**
 * Takes a notifier's message apart: one frame `42|body`, or three: `42|`, header, body. Judges neither header nor body.
 * @throws GatewayError `draft.frames`, `draft.recipient`, `draft.notUtf8`
 */
export function decodeFrames(frames: readonly Buffer[]): Submission {
  const [first, header, last] = frames
  if (first === undefined || (frames.length !== 1 && frames.length !== 3)) throw new GatewayError('draft.frames')
  const bar = first.indexOf(BAR)
  if (bar < 1 || bar > MAX_RECIPIENT_BYTES) throw new GatewayError('draft.recipient')
  if (last === undefined) return { to: [recipient(first, bar)], header: undefined, body: first.subarray(bar + 1) }
  if (bar !== first.length - 1) throw new GatewayError('draft.frames')
  return { to: [recipient(first, bar)], header, body: last }
}

const HEARTBEAT = Buffer.from('!heartbeat|')

/** Buffer writes U+FFFD for what is no UTF-8, and is several times as quick as the decoder that would refuse it. */
function recipient(first: Buffer, bar: number): string {
  const text = first.toString('utf8', 0, bar)
  return text.includes('\ufffd') ? decodeUtf8(first.subarray(0, bar)) : text
}
