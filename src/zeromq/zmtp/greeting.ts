import { ZmtpError } from './zmtpError.ts'

export const GREETING_BYTES = 64
const SIGNATURE_BYTES = 10
const MAJOR_AT = 10
const MINOR_AT = 11
const MECHANISM_AT = 12
const MECHANISM_BYTES = 20
const VERSION_3 = 3
const NULL = Buffer.from('NULL'.padEnd(MECHANISM_BYTES, '\0'), 'latin1')

/** The first bytes that we say: ZMTP 3.1, mechanism NULL (RFC 37, "Greeting"). */
export const GREETING: Buffer = Buffer.concat([
  Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, VERSION_3, 1]),
  NULL,
  Buffer.alloc(GREETING_BYTES - MECHANISM_AT - MECHANISM_BYTES),
])

/**
 * Judges what has come of the peer's greeting so far, so that a stranger is known by its first byte. Returns the minor
 * version, or undefined: more is to come. @throws ZmtpError
 */
export function readGreeting(bytes: Buffer): number | undefined {
  const first = bytes[0]
  if (first === undefined) return undefined
  // ZMTP 1 begins with the length of an identity. So may anything else: libzmq may find out.
  if (first !== 0xff) throw new ZmtpError('it does not speak ZMTP 3', { isOld: isIdentity(bytes) })
  if (bytes.length >= SIGNATURE_BYTES && ((bytes[SIGNATURE_BYTES - 1] ?? 0) & 1) === 0)
    throw new ZmtpError('it speaks ZMTP 1', { isOld: true })
  const major = bytes[MAJOR_AT]
  if (major !== undefined && major < VERSION_3)
    throw new ZmtpError(`it speaks ZMTP ${major === 0 ? 1 : 2}`, { isOld: true })
  if (bytes.length < GREETING_BYTES) return undefined
  const mechanism = bytes.subarray(MECHANISM_AT, MECHANISM_AT + MECHANISM_BYTES)
  if (!mechanism.equals(NULL)) throw new ZmtpError(`it wants ${printable(mechanism)}`)
  return bytes[MINOR_AT]
}

/** ZMTP 1: a length, flags, and an identity that is most often empty. */
const isIdentity = (bytes: Buffer) => bytes[0] === 1 && (bytes[1] === undefined || bytes[1] === 0)
const printable = (bytes: Buffer) => bytes.toString('latin1').replace(/[^A-Z]/gi, '') || 'no mechanism'
