import fc from 'fast-check'
import {
  Outgoing,
  printArguments,
  printCommand,
  printCount,
  type Reply,
  ReplyError,
  ReplyReader,
} from '../../../src/redis/resp.ts'
import { bitten, fuzz } from '../../support/fuzz.ts'

/** What is read of these pieces, and why no more is. */
function readOf(...pieces: readonly Uint8Array[]): { replies: Reply[]; error: string | undefined } {
  const replies: Reply[] = []
  const reader = new ReplyReader((reply) => replies.push(reply))
  try {
    for (const piece of pieces) reader.read(Buffer.from(piece))
    return { replies, error: undefined }
  } catch (error) {
    return { replies, error: (error as Error).message }
  }
}

/** As Redis writes it. */
function bytesOf(reply: Reply): Buffer {
  if (reply === null) return Buffer.from('$-1\r\n')
  if (typeof reply === 'number') return Buffer.from(`:${reply}\r\n`)
  if (typeof reply === 'string') return Buffer.from(`+${reply}\r\n`)
  if (reply instanceof ReplyError) return Buffer.from(`-${reply.message}\r\n`)
  if (Buffer.isBuffer(reply)) return Buffer.concat([Buffer.from(`$${reply.length}\r\n`), reply, Buffer.from('\r\n')])
  const items = reply as readonly Reply[]
  return Buffer.concat([Buffer.from(`*${items.length}\r\n`), ...items.map(bytesOf)])
}

const line = fc.string({ unit: 'grapheme-composite' }).map((text) => text.replaceAll('\r', ''))
const scalar = fc.oneof(
  line,
  line.map((text) => new ReplyError(text)),
  fc.maxSafeInteger(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
)
const { reply } = fc.letrec<{ reply: Reply; list: Reply[] }>((tie) => ({
  reply: fc.oneof({ maxDepth: 4, depthIdentifier: 'reply' }, scalar, tie('list')),
  list: fc.array(tie('reply'), { maxLength: 5, depthIdentifier: 'reply' }),
}))

/** Some bytes, cut anywhere, into empty pieces too. */
const cut = (bytes: Buffer, cuts: readonly number[]): Buffer[] => {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}
const cuts = fc.array(fc.nat(), { maxLength: 30 })
const all = (replies: readonly Reply[]) => Buffer.concat(replies.map(bytesOf))
/** `expect` would take longer than the parser. */
const isSame = (one: ReturnType<typeof readOf>, other: ReturnType<typeof readOf>) =>
  one.error === other.error && all(one.replies).equals(all(other.replies))

test('replies are read whole, wherever the bytes are cut (fuzz)', () => {
  fuzz(
    fc.property(fc.array(reply, { maxLength: 5 }), cuts, (replies, cuts) =>
      isSame(readOf(...cut(all(replies), cuts)), { replies, error: undefined }),
    ),
  )
})

test('bytes that are no replies are read the same wherever they are cut, or refused (fuzz)', () => {
  const noise = fc.oneof(fc.uint8Array(), bitten(fc.array(reply, { maxLength: 3 }).map(all)))
  fuzz(
    fc.property(noise, cuts, (bytes, cuts) => {
      const whole = Buffer.from(bytes)
      return isSame(readOf(...cut(whole, cuts)), readOf(whole))
    }),
  )
})

test('a command is what Redis reads: every argument with its length in bytes, whatever it is made of (fuzz)', () => {
  fuzz(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (args) => {
      const out = new Outgoing()
      out.text(printCommand(args))
      return isSame(readOf(...out.take()), { replies: [args.map((arg) => Buffer.from(arg))], error: undefined })
    }),
  )
})

test('texts and bytes go out in their order, in whatever chunks, and nothing is written over (fuzz)', () => {
  const parts = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array(), fc.constant(null)))
  fuzz(
    fc.property(parts, fc.integer({ min: 65_300, max: 65_600 }), (parts, skipped) => {
      const out = new Outgoing()
      out.bytes(new Uint8Array(skipped))
      const taken: Buffer[] = []
      for (const part of parts) {
        if (part === null) taken.push(...out.take())
        else if (typeof part === 'string') out.text(part)
        else out.bytes(part)
      }
      taken.push(...out.take())
      const whole = parts.map((part) => Buffer.from((part ?? '') as string))
      return Buffer.concat(taken).equals(Buffer.concat([Buffer.alloc(skipped), ...whole]))
    }),
  )
})

test.each([
  ['what is no RESP', 'HTTP/1.1 400 Bad Request\r\n', 'Redis answers what is no RESP'],
  ['a number that is none', ':12x\r\n', 'Redis answers a number that is none'],
  ['a length without end', '$12345678901234567890\r\n', 'Redis answers a number that is none'],
  ['a text of another length', '$2\r\nabc\r\n', 'Redis answers a text of another length'],
  ['a text too long', '$2000000000\r\n', 'Redis answers too much'],
  ['lists in lists in lists', '*1\r\n'.repeat(9), 'Redis answers too deep'],
  ['a line too long', `+${'x'.repeat(70_000)}`, 'Redis answers too long a line'],
])('%s is refused, before it costs memory', (_, bytes, error) => {
  expect(readOf(Buffer.from(bytes))).toEqual({ replies: [], error })
})

test('a long text that comes in many pieces is put together once', () => {
  const text = Buffer.alloc(4_000_000, 'long ')
  const bytes = bytesOf([1, text])
  const pieces = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, i) => bytes.subarray(100 * i, 100 * (i + 1)))
  expect(isSame(readOf(...pieces), { replies: [[1, text]], error: undefined })).toBe(true)
})

test('long arguments and many of them are counted right', () => {
  const args = ['é'.repeat(700), ...Array.from({ length: 1_200 }, (_, i) => i)]
  const bytes = Buffer.from(`${printCount(args.length)}${printArguments(args)}\r\n`)
  expect(readOf(bytes).replies).toEqual([args.map((arg) => Buffer.from(`${arg}`))])
})
