import { GREETING, readGreeting } from '../../../src/zeromq/zmtp/greeting.ts'
import { greetingOf } from '../../support/rawZmtp.ts'

/** What is said of these bytes, one more at a time: the verdict and after how many bytes it is clear. */
function verdict(bytes: Uint8Array): readonly [unknown, number] {
  for (let end = 1; end <= bytes.length; end++) {
    try {
      const minor = readGreeting(Buffer.from(bytes.subarray(0, end)))
      if (minor !== undefined) return [minor, end]
    } catch (error) {
      return [error, end]
    }
  }
  return [undefined, bytes.length]
}
const withBytes = (changes: Readonly<Record<number, number>>) => {
  const bytes = greetingOf(1)
  for (const [at, byte] of Object.entries(changes)) bytes[Number(at)] = byte
  return bytes
}

test('we greet as the specification has it', () => {
  expect(GREETING).toEqual(greetingOf(1))
})

test.each([
  ['3.0', greetingOf(0), 0],
  ['3.1', greetingOf(1), 1],
  ['3.1 with a filled padding', withBytes({ 1: 7, 8: 9, 33: 1, 63: 255 }), 1],
  ['3.7', greetingOf(7), 7],
  ['4.0, which speaks ours with us', withBytes({ 10: 4, 11: 0 }), 1],
])('a greeting of %s is taken', (_, bytes, minor) => {
  expect(verdict(bytes)).toEqual([minor, 64])
  expect(readGreeting(Buffer.concat([bytes, Buffer.from('and more')]))).toBe(minor)
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['half a greeting', greetingOf(1).subarray(0, 63)],
  ['what may yet be ZMTP 1', Buffer.of(1)],
])('%s is no verdict yet', (_, bytes) => {
  expect(verdict(bytes)[0]).toBeUndefined()
})

test.each([
  ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'it does not speak ZMTP 3', 'broken', 2],
  ['TLS', Buffer.of(0x15, 3, 1, 0, 2), 'it does not speak ZMTP 3', 'broken', 2],
  ['zeros', Buffer.alloc(64), 'it does not speak ZMTP 3', 'broken', 1],
  ['ZMTP 1 without a name', Buffer.of(1, 0), 'it does not speak ZMTP 3', 'old', 2],
  ['ZMTP 1 with a name', Buffer.from('\u0004\0abc'), 'it does not speak ZMTP 3', 'old', 2],
  ['ZMTP 1 with a long name', Buffer.of(0xff, 0, 0, 0, 0, 0, 0, 1, 0, 0), 'it speaks ZMTP 1', 'old', 10],
  ['ZMTP 1 behind a signature', withBytes({ 10: 0 }), 'it speaks ZMTP 1', 'old', 11],
  ['ZMTP 2.0', withBytes({ 10: 1 }), 'it speaks ZMTP 2', 'old', 11],
  ['PLAIN', greetingOf(1, 'PLAIN'), 'it wants PLAIN', 'broken', 64],
  ['CURVE', greetingOf(1, 'CURVE'), 'it wants CURVE', 'broken', 64],
  ['NULL and something', greetingOf(1, 'NULLX'), 'it wants NULLX', 'broken', 64],
  ['an empty mechanism', greetingOf(1, ''), 'it wants no mechanism', 'broken', 64],
  ['a mechanism for the log', greetingOf(1, '\r\n\u001b[31mX'), 'it wants mX', 'broken', 64],
])('%s is refused at the first byte that tells', (_, bytes, message, fault, after) => {
  expect(verdict(bytes)).toEqual([expect.objectContaining({ name: 'ZmtpError', message, fault }), after])
})
