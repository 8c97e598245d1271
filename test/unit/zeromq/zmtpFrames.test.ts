import { commandOf, FrameReader, messageOf } from '../../../src/zeromq/zmtp/frames.ts'
import { encodeCommand, encodeFrame, encodeMessage, longHeader } from '../../support/rawZmtp.ts'

const BOUNDS = { maxMessageBytes: 100_000, maxParts: 8 }

/** What a reader makes of these chunks: messages as lists of parts, commands as texts; last, what was wrong. */
function read(chunks: Iterable<Uint8Array>, bounds = BOUNDS): unknown[] {
  const heard: unknown[] = []
  const reader = new FrameReader(bounds, {
    message: (parts) => heard.push(parts.map((part) => part.toString('latin1'))),
    command: (body) => heard.push(body.toString('latin1')),
  })
  try {
    for (const chunk of chunks) reader.read(Buffer.from(chunk))
  } catch (error) {
    heard.push(`${error}`)
  }
  return heard
}

const STREAM = Buffer.concat([
  encodeMessage('42|1'),
  encodeMessage(''),
  encodeCommand('PING', '\0\0'),
  encodeMessage('42|', '', '{}'),
  encodeMessage('x'.repeat(255), 'y'.repeat(256)),
  encodeFrame(Buffer.from('begun'), 1),
  encodeCommand('PONG'),
  encodeFrame(Buffer.from('done'), 0),
])
const HEARD = [
  ['42|1'],
  [''],
  '\u0004PING\0\0',
  ['42|', '', '{}'],
  ['x'.repeat(255), 'y'.repeat(256)],
  '\u0004PONG',
  ['begun', 'done'],
]

test('messages and commands are read in their order, a heartbeat between two parts included', () => {
  expect(read([STREAM])).toEqual(HEARD)
})

test('a stream is read the same wherever it is cut', () => {
  for (let at = 0; at <= STREAM.length; at++) expect(read([STREAM.subarray(0, at), STREAM.subarray(at)])).toEqual(HEARD)
  expect(read(Array.from(STREAM, (byte) => Uint8Array.of(byte)))).toEqual(HEARD)
})

test('a frame that is announced in the long form but is short is read as well', () => {
  expect(read([Buffer.concat([longHeader(2), Buffer.from('hi')])])).toEqual([['hi']])
})

const RESERVED = 'ZmtpError: a frame has reserved flags'
const MUCH = 'ZmtpError: it sends more bytes than may be'
test.each<[string, Uint8Array, string]>([
  ['a frame of 2^63 bytes', longHeader(2n ** 63n), MUCH],
  ['a frame of 2^64 - 1 bytes', longHeader(2n ** 64n - 1n), MUCH],
  ['a command of 2^63 bytes', longHeader(2n ** 63n, 4), MUCH],
  ['one byte more than may be', longHeader(100_001), MUCH],
  ['parts that are too many bytes together', encodeMessage('x'.repeat(60_000), 'y'.repeat(60_000)), MUCH],
  ['a million parts', Buffer.alloc(2_000_000, Buffer.of(1, 0)), 'ZmtpError: it sends more parts than may be'],
  ['a command with a second part', encodeFrame(Buffer.from('\u0004PING'), 5), 'ZmtpError: a command has a second part'],
  ...[8, 16, 32, 64, 128].map(
    (flags) => [`the reserved flag ${flags}`, Buffer.of(flags, 0), RESERVED] satisfies [string, Uint8Array, string],
  ),
])('%s ends what is read, after what came before it', (_, bytes, error) => {
  const whole = Buffer.concat([encodeMessage('good'), bytes])
  expect(read([whole])).toEqual([['good'], error])
  const pieces = Array.from({ length: 200 }, (_, n) => whole.subarray(n * 997, (n + 1) * 997))
  expect(read(pieces)).toEqual([['good'], error])
})

test('as much as may be is read', () => {
  expect(read([encodeMessage('x'.repeat(100_000))])).toEqual([['x'.repeat(100_000)]])
  const parts = Array.from({ length: 8 }, () => 'x'.repeat(12_500))
  expect(read([encodeMessage(...parts)])).toEqual([parts])
})

test('what came whole is not copied', () => {
  const chunk = Buffer.concat([encodeMessage('42|', '{}', 'x'.repeat(300)), encodeMessage('42|1')])
  const reader = new FrameReader(BOUNDS, {
    message: (parts) => expect(parts.every(({ buffer }) => buffer === chunk.buffer)).toBe(true),
    command: () => {},
  })
  reader.read(chunk)
  expect.assertions(2)
})

test('a message whose parts come with much else between them keeps that not', () => {
  const reader = new FrameReader(BOUNDS, {
    message: (parts) => expect(parts.reduce((kept, { buffer }) => kept + buffer.byteLength, 0)).toBeLessThan(10_000),
    command: () => {},
  })
  const noise = Buffer.alloc(56_000, encodeCommand('PONG'))
  for (let part = 0; part < 7; part++) reader.read(Buffer.concat([encodeFrame(Buffer.from('x'), 1), noise]))
  reader.read(encodeFrame(Buffer.from('end'), 0))
  expect.assertions(1)
})

test('nothing is handed over after a stop, not even the rest of a chunk', () => {
  const heard: string[] = []
  const reader = new FrameReader(BOUNDS, {
    message(parts) {
      heard.push(`${parts[0]}`)
      if (heard.length === 2) reader.stop()
    },
    command: () => {},
  })
  const [one, rest] = [encodeMessage('1'), Buffer.concat(['2', '3', '4'].map((text) => encodeMessage(text)))]
  reader.read(one.subarray(0, 1))
  reader.read(Buffer.concat([one.subarray(1), rest]))
  reader.read(rest)
  expect(heard).toEqual(['1', '2'])
})

test.each([
  ['no bytes', ['']],
  ['short and long parts', ['42|', 'x'.repeat(255), 'y'.repeat(256), 'z'.repeat(70_000)]],
])('%s are written as the specification has it', (_, parts) => {
  expect(messageOf(parts.map((part) => Buffer.from(part))).equals(encodeMessage(...parts))).toBe(true)
  const all = parts.join('')
  expect(commandOf('SUBSCRIBE', Buffer.from(all)).equals(encodeCommand('SUBSCRIBE', all))).toBe(true)
})
