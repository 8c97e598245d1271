// What is published: a JSON body of so many bytes with a mark at its head, which receivers find without parsing. The
// mark's fields have a fixed width, so that reading one is a short loop over bytes.

const USER_DIGITS = 7
const TIME_DIGITS = 16
const AT_SIGN = 0x40
const ZERO = 0x30

/** Whom a broadcast's mark names. */
export const EVERYONE = 9_999_999
export const MARK_BYTES = 2 + USER_DIGITS + TIME_DIGITS

/** Microseconds of a clock that all processes of this machine share. */
export function now() {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + nanoseconds / 1e3
}

/** Answers what writes bodies of so many bytes. */
export function bodyWriter(bytes) {
  const [head, middle, end] = ['{"mark":"@@', '","text":"', '"}']
  const text = bytes - head.length - USER_DIGITS - TIME_DIGITS - middle.length - end.length
  const tail = middle + 'Your order has left. '.repeat(1 + text / 20).slice(0, text) + end
  return (user) => head + digits(user, USER_DIGITS) + digits(Math.floor(now()), TIME_DIGITS) + tail
}

const digits = (number, width) => `${number}`.padStart(width, '0')

/** Where the next mark begins, or -1. */
export function findMark(bytes, from, to) {
  for (const last = to - MARK_BYTES; from <= last; from++)
    if (bytes[from] === AT_SIGN && bytes[from + 1] === AT_SIGN) return from
  return -1
}

/** Where a mark begins whose end is not there yet, or -1. */
export function findCutMark(bytes, from, to) {
  for (let at = Math.max(from, to - MARK_BYTES + 1); at < to; at++) if (bytes[at] === AT_SIGN) return at
  return -1
}

export const userOf = (bytes, mark) => numberAt(bytes, mark + 2, USER_DIGITS)
export const timeOf = (bytes, mark) => numberAt(bytes, mark + 2 + USER_DIGITS, TIME_DIGITS)

function numberAt(bytes, from, width) {
  let number = 0
  for (let i = from; i < from + width; i++) number = number * 10 + bytes[i] - ZERO
  return number
}
