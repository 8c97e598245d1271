import fc from 'fast-check'
import { parseCommand, parseError, parseReady } from '../../../src/zeromq/zmtp/commands.ts'
import { FrameReader } from '../../../src/zeromq/zmtp/frames.ts'
import { readGreeting } from '../../../src/zeromq/zmtp/greeting.ts'
import { ZmtpError } from '../../../src/zeromq/zmtp/zmtpError.ts'
import { bitten, fuzz } from '../../support/fuzz.ts'
import { encodeCommand, encodeMessage, greetingOf, longHeader, propertiesOf } from '../../support/rawZmtp.ts'

const BOUNDS = { maxMessageBytes: 2_000, maxParts: 4 }
const sizes = fc.constantFrom(0, 1, 2, 7, 254, 255, 256, 257, 499)
const part = sizes.chain((length) => fc.constant('x'.repeat(length)))
const message = fc.array(part, { minLength: 1, maxLength: 4 })
const command = fc.tuple(fc.constantFrom('PING', 'PONG', 'READY', 'X'), part)
const item = fc.oneof(
  message.map((parts) => ({ heard: parts as unknown, bytes: encodeMessage(...parts) })),
  command.map(([name, data]) => ({
    heard: `${String.fromCharCode(name.length)}${name}${data}` as unknown,
    bytes: encodeCommand(name, data),
  })),
)
/** Where a stream is cut, again and again. */
const pace = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 })

function* cut(bytes: Buffer, pace: readonly number[]): Iterable<Buffer> {
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const end = at + (pace[n % pace.length] ?? 1)
    // Each in memory of its own, as it comes from a socket.
    yield Buffer.from(Uint8Array.from(bytes.subarray(at, end)).buffer)
    at = end
  }
}

/** The value, or what it said; anything but a ZmtpError fails the test. */
function judged<T>(parse: () => T): T | ZmtpError {
  try {
    return parse()
  } catch (error) {
    if (error instanceof ZmtpError) return error
    throw error
  }
}

test('any messages and commands are read as they were written, wherever the stream is cut (fuzz)', () => {
  fuzz(
    fc.property(fc.array(item, { maxLength: 12 }), pace, (items, pace) => {
      const heard: unknown[] = []
      const reader = new FrameReader(BOUNDS, {
        message: (parts) => heard.push(parts.map((part) => part.toString('latin1'))),
        command: (body) => heard.push(body.toString('latin1')),
      })
      for (const chunk of cut(Buffer.concat(items.map(({ bytes }) => bytes)), pace)) reader.read(chunk)
      expect(heard).toEqual(items.map(({ heard }) => heard))
    }),
  )
})

const stream = fc
  .array(
    fc.oneof(
      item,
      fc.bigInt(0n, 2n ** 64n - 1n).map((length) => ({ bytes: longHeader(length) })),
    ),
    { maxLength: 6 },
  )
  .map((items) => Buffer.concat(items.map(({ bytes }) => bytes)))
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  stream,
  bitten(stream),
)

test('whatever bytes come, they are frames within bounds or a ZmtpError, and cost no more than they are (fuzz)', () => {
  const verdicts = new Set<boolean>()
  fuzz(
    fc.property(bytes, pace, (bytes, pace) => {
      let kept = 0
      const reader = new FrameReader(BOUNDS, {
        message(parts) {
          expect(parts.length).toBeLessThanOrEqual(BOUNDS.maxParts)
          expect(parts.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(BOUNDS.maxMessageBytes)
          kept = Math.max(kept, ...parts.map(({ buffer }) => buffer.byteLength))
        },
        command(body) {
          const command = judged(() => parseCommand(body))
          if (command instanceof Error) return
          judged(() => parseReady(command.data))
          expect(parseError(command.data)).toMatch(/^[ -~]{1,255}$/)
        },
      })
      const verdict = judged(() => {
        for (const chunk of cut(bytes, pace)) reader.read(chunk)
      })
      verdicts.add(verdict instanceof Error)
      expect(kept).toBeLessThanOrEqual(2 * bytes.length + 512)
    }),
  )
  expect(verdicts.size).toBe(2)
})

test('whatever is said of itself is a READY or a ZmtpError (fuzz)', () => {
  fuzz(
    fc.property(bitten(fc.constantFrom(propertiesOf('PUB', 'me'), propertiesOf('XPUB'))), (bytes) => {
      const ready = judged(() => parseReady(bytes))
      if (!(ready instanceof Error)) expect(ready.identity.length).toBeLessThanOrEqual(255)
    }),
  )
})

test('a greeting is judged the same however it is cut, and once it is refused it stays so (fuzz)', () => {
  const greeting = fc.oneof(
    bitten(fc.constantFrom(greetingOf(0), greetingOf(1), greetingOf(1, 'CURVE'))),
    fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes)),
  )
  fuzz(
    fc.property(greeting, (bytes) => {
      let earlier: unknown
      for (let end = 0; end <= bytes.length; end++) {
        const verdict = judged(() => readGreeting(bytes.subarray(0, end)))
        if (earlier !== undefined) expect(`${verdict}`).toBe(`${earlier}`)
        earlier = verdict
      }
    }),
  )
})
