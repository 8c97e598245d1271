import { ZmtpError } from './zmtpError.ts'

export const GREETING_BYTES = 64
const SIGNATURE_BYTES = 10
const MAJOR_AT = 10
const MINOR_AT = 11
const MECHANISM_AT = 12
const MECHANISM_BYTES = 20
const VERSION_3 = 3
const OUR_MINOR = 1
const NULL = Buffer.from('NULL'.padEnd(MECHANISM_BYTES, '\0'), 'latin1')

/** The first bytes that we say: ZMTP 3.1, mechanism NULL (RFC 37, "Greeting"). */
export const GREETING: Buffer = Buffer.concat([
  Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, VERSION_3, OUR_MINOR]),
  NULL,
  Buffer.alloc(GREETING_BYTES - MECHANISM_AT - MECHANISM_BYTES),
])

/**
 * Judges what has come of the peer's greeting so far, so that a stranger is known by its first bytes. Returns the minor
 * version, or undefined: more is to come. @throws ZmtpError
 */
export function readGreeting(bytes: Buffer): number | undefined {
  const [first, second] = bytes
  if (first === undefined) return undefined
  if (first !== 0xff) {
    // ZMTP 1 begins with the length of an identity, most often empty, and flags. So may anything else begin: libzmq may
    // find out.
    if (first !== 0 && second === undefined) return undefined
    throw new ZmtpError('it does not speak ZMTP 3', first !== 0 && second === 0 ? 'old' : 'broken')
  }
  if (bytes.length >= SIGNATURE_BYTES && ((bytes[SIGNATURE_BYTES - 1] ?? 0) & 1) === 0)
    throw new ZmtpError('it speaks ZMTP 1', 'old')
  const major = bytes[MAJOR_AT]
  if (major !== undefined && major < VERSION_3) throw new ZmtpError(`it speaks ZMTP ${major === 0 ? 1 : 2}`, 'old')
  if (bytes.length < GREETING_BYTES) return undefined
  const mechanism = bytes.subarray(MECHANISM_AT, MECHANISM_AT + MECHANISM_BYTES)
  if (!mechanism.equals(NULL)) throw new ZmtpError(`it wants ${printable(mechanism)}`)
  // Who knows a later version speaks ours with us.
  return major === VERSION_3 ? bytes[MINOR_AT] : OUR_MINOR
}

const printable = (bytes: Buffer) => bytes.toString('latin1').replace(/[^A-Z]/gi, '') || 'no mechanism'
