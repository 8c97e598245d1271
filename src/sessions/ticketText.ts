import { malformed } from './refusals.ts'

const ESCAPE = /\\([0-3][0-7][0-7]|.)/gs
const NO_BYTE = /[^\p{ASCII}\u0080-\u00ff]/u
const PERCENT = /%([0-9A-Fa-f]{2})/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these may not stand in a ticket
const CONTROL = /[\u0000-\u001f\u007f]/
const IPV4_IN_IPV6 = /^::ffff:[0-9.]+$/i

/**
 * A cookie's value without the backslashes that Python puts into quoted ones: `\054` is a comma. A character is a byte.
 * @throws GatewayError with the reason MALFORMED
 */
export function unescaped(value: string): string {
  // Node reads headers as latin-1, so this came from elsewhere, and cut to a byte it would be another character.
  if (NO_BYTE.test(value)) throw malformed('a cookie with characters that are no bytes')
  return value.replace(ESCAPE, (_, escaped: string) =>
    escaped.length === 3 ? String.fromCharCode(Number.parseInt(escaped, 8)) : escaped,
  )
}

/** The bytes of a percent-encoded text. @throws GatewayError with the reason MALFORMED */
export function percentDecoded(text: string): Buffer {
  if (text.replace(PERCENT, '').includes('%')) throw malformed('a percent sign that encodes nothing')
  return Buffer.from(
    text.replace(PERCENT, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

/** @throws GatewayError with the reason MALFORMED */
export function refuseControls(text: string): void {
  if (CONTROL.test(text)) throw malformed('a control character in a ticket')
}

/** Is it what a socket that listens on both calls an IPv4 peer? */
export const isIpv4InIpv6 = (address: string): boolean => IPV4_IN_IPV6.test(address)
