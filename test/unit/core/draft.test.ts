import fc from 'fast-check'
import { parseDraft, stamp } from '../../../src/core/draft.ts'
import { GatewayError } from '../../../src/core/errors.ts'
import { isTooDeep } from '../../../src/core/rawJson.ts'
import { fuzz } from '../../support/fuzz.ts'

const MAX = 1024
const bytes = (text: string) => Buffer.from(text)
const draft = (header: unknown, body = '{"text":"hi"}', to = ['42']) =>
  parseDraft(
    {
      to,
      header: header === undefined ? undefined : bytes(typeof header === 'string' ? header : JSON.stringify(header)),
      body: bytes(body),
    },
    MAX,
  )

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
  throw new Error('it was accepted')
}

test('the short form brings a body and nothing else', () => {
  const n = stamp(draft(undefined), 'user:42', 'made-1', 1000)
  expect(n).toEqual({
    to: 'user:42',
    id: 'made-1',
    type: 'notification',
    at: 1000,
    body: bytes('{"text":"hi"}'),
    expiresAt: undefined,
    collapse: undefined,
  })
})

test('the full form brings all that the protocol names', () => {
  const d = draft({
    v: 1,
    id: 'o-17',
    type: 'order.shipped',
    at: 5000,
    ttl: 60,
    collapse: 'order-17',
    source: 'orders',
    epoch: 'e',
    seq: 12,
  })
  expect(d.sequence).toEqual({ epoch: 'e', seq: 12 })
  expect(stamp(d, 'user:42', 'o-17', 9999)).toMatchObject({
    id: 'orders:o-17',
    type: 'order.shipped',
    at: 5000,
    expiresAt: 65_000,
    collapse: 'order-17',
  })
})

test('without a type it is a notification for users and everyone, a message for a channel', () => {
  const types = (['user:42', 'everyone', 'channel:orders'] as const).map(
    (to) => stamp(draft(undefined), to, 'x', 0).type,
  )
  expect(types).toEqual(['notification', 'notification', 'message'])
})

test('the body is handed on as the very bytes that came', () => {
  const body = bytes(' { "n" : 12345678901234567890, "__proto__" : [ ] }\n')
  expect(parseDraft({ to: ['42'], header: undefined, body }, MAX).body).toBe(body)
})

test('a recipient named twice gets one copy', () => {
  expect(draft(undefined, '1', ['42', '43', '42']).to).toEqual(['user:42', 'user:43'])
})

test('a body of exactly the limit passes, one byte more does not', () => {
  const body = (length: number) => `"${'x'.repeat(length - 2)}"`
  expect(draft(undefined, body(MAX)).body).toHaveLength(MAX)
  expect(codeOf(() => draft(undefined, body(MAX + 1)))).toBe('draft.tooLarge')
})

test('64 levels pass, 65 do not', () => {
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
  expect(draft(undefined, nested(64)).body).toHaveLength(128)
  expect(codeOf(() => draft(undefined, nested(65)))).toBe('draft.tooDeep')
  expect(codeOf(() => parseDraft({ to: ['42'], header: undefined, body: bytes(nested(100_000)) }, 1_000_000))).toBe(
    'draft.tooDeep',
  )
  expect(codeOf(() => draft(undefined, `{"a":${nested(64)}}`))).toBe('draft.tooDeep')
})

test('brackets inside texts are not depth', () => {
  expect(draft(undefined, JSON.stringify(`\\"${'[{'.repeat(100)}`)).body.length).toBeGreaterThan(128)
})

test('depth is what a real walk over the value finds (fuzz)', () => {
  const depth = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 90, depthSize: 'max' },
      fc.string(),
      fc.array(tie('node'), { maxLength: 2 }),
      fc.dictionary(fc.string(), tie('node'), { maxKeys: 2 }),
    ),
  })).node
  fuzz(
    fc.property(value, fc.integer({ min: 0, max: 80 }), (inner, wraps) => {
      let json = JSON.stringify(inner)
      for (let i = 0; i < wraps; i++) json = `[${json}]`
      expect(isTooDeep(bytes(json))).toBe(depth(inner) + wraps > 64)
    }),
  )
})

test.each<[string, string, string]>([
  ['nothing', '', 'draft.notJson'],
  ['no JSON', 'hello', 'draft.notJson'],
  ['two values', '1 2', 'draft.notJson'],
  ['half a value', '{"a":', 'draft.notJson'],
  ['a byte order mark', '\ufeff{}', 'draft.notJson'],
  ['a raw control character in a text', '"\u0001"', 'draft.notJson'],
])('a body that is %s is refused', (_, body, code) => {
  expect(codeOf(() => draft(undefined, body))).toBe(code)
})

test('bytes that are not UTF-8 are refused, in the body and in the header', () => {
  const broken = Buffer.from([0x22, 0xff, 0x22])
  expect(codeOf(() => parseDraft({ to: ['42'], header: undefined, body: broken }, MAX))).toBe('draft.notUtf8')
  expect(codeOf(() => parseDraft({ to: ['42'], header: broken, body: bytes('1') }, MAX))).toBe('draft.notUtf8')
})

test.each<[string, unknown, string]>([
  ['is no JSON', 'nonsense', 'draft.header'],
  ['is a list', [], 'draft.header'],
  ['is null', 'null', 'draft.header'],
  ['is empty', '', 'draft.header'],
  ['is of a version to come', { v: 2 }, 'draft.version'],
  ['has a version that is a text', { v: '1' }, 'draft.version'],
  ['has an empty id', { id: '' }, 'draft.id'],
  ['has an id of 129 characters', { id: 'x'.repeat(129) }, 'draft.id'],
  ['has a number as id', { id: 7 }, 'draft.id'],
  ['has half a character as id', { id: '\ud800' }, 'draft.id'],
  ['has half a character as source', { source: 'a\ud800' }, 'draft.header'],
  ['has a ttl of 0', { ttl: 0 }, 'draft.ttl'],
  ['has a ttl of -1', { ttl: -1 }, 'draft.ttl'],
  ['has a ttl of 1e99', { ttl: 1e99 }, 'draft.ttl'],
  ['has a ttl of "10"', { ttl: '10' }, 'draft.ttl'],
  ['has a ttl of half a second', { ttl: 0.5 }, 'draft.ttl'],
  ['has an empty type', { type: '' }, 'draft.header'],
  ['has a list as source', { source: [] }, 'draft.header'],
  ['has a time that is a text', { at: 'now' }, 'draft.header'],
  ['has a time before 1970', { at: -1 }, 'draft.header'],
  ['counts from 0', { seq: 0 }, 'draft.header'],
  ['counts in halves', { seq: 1.5 }, 'draft.header'],
  ['is larger than 8 KiB', { type: 'x', pad: 'x'.repeat(9000) }, 'draft.header'],
  ['is nested 100 deep', '['.repeat(100) + ']'.repeat(100), 'draft.tooDeep'],
])('a header that %s is refused', (_, header, code) => {
  expect(codeOf(() => draft(header))).toBe(code)
})

test('keys that a later version may bring are let be, and no key reaches a prototype', () => {
  expect(draft('{"later":1,"__proto__":{"type":"x"},"type":"y"}').type).toBe('y')
  expect(draft('{"__proto__":{"type":"x"}}').type).toBe(undefined)
})

test('whatever bytes arrive, the answer is a draft or a coded refusal (fuzz)', () => {
  fuzz(
    fc.property(fc.string(), fc.option(fc.uint8Array(), { nil: undefined }), fc.uint8Array(), (to, header, body) => {
      try {
        parseDraft({ to: [to], header, body }, MAX)
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError)
      }
    }),
  )
})
