import fc from 'fast-check'
import { isPlainlyJson } from '../../../src/core/plainJson.ts'
import { MAX_DEPTH } from '../../../src/core/rawJson.ts'
import { bitten, fuzz } from '../../support/fuzz.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What a parser says, and how deep it is. */
function isJson(bytes: Uint8Array): boolean {
  try {
    return depthOf(JSON.parse(utf8.decode(bytes))) <= MAX_DEPTH
  } catch {
    return false
  }
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

const strange = fc.constantFrom(
  ...['1.', '01', '-', '-0', '1e', '1E+5', '.5', '0.0e-0', 'tru', 'nulll', '"\\u00zz"', '"\\uD800"', '"\\x"', '"a\nb"'],
  ...[
    '[1,]',
    '{"a":1,}',
    '{,}',
    '[,]',
    '{"a"}',
    '{1:2}',
    '[}',
    '{]',
    '"',
    '""',
    ' [ ] ',
    '\ufeff1',
    '\u00a01',
    '1 2',
    '',
  ],
  ...['"\u00e9\u20ac\ud83d\ude00"', `"${'x'.repeat(600)}"`, '[[[[]]]]', '{"":{"":{}}}', '[1,"a",true,null,{"b":[]}]'],
)
const nested = fc.tuple(fc.integer({ min: 60, max: 70 }), fc.boolean()).map(([depth, isObject]) => {
  const [open, close] = isObject ? ['{"a":', '}'] : ['[', ']']
  return `${open.repeat(depth)}0${close.repeat(depth)}`
})
const spaced = fc.jsonValue().map((value) => JSON.stringify(value, null, 2))
const text = fc.oneof(fc.json(), spaced, strange, nested).map((text) => Buffer.from(text))
/** Overlong forms, surrogates, what is beyond Unicode, halves. */
const bytes = fc
  .array(fc.constantFrom(0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0x22, 0x41))
  .map((bytes) => Buffer.from([0x22, ...bytes, 0x22]))

test('what is plainly JSON is JSON, and nearly all that is JSON is plainly so (fuzz)', () => {
  const missed = new Set<string>()
  fuzz(
    fc.property(fc.oneof(text, bitten(text), bytes, fc.uint8Array({ maxLength: 8 })), (bytes) => {
      const said = isPlainlyJson(bytes, MAX_DEPTH)
      if (said === isJson(bytes)) return
      // Only long strings are left to the parser.
      expect([said, bytes.length > 500]).toEqual([false, true])
      missed.add(`${bytes.length}`)
    }),
  )
  expect(missed.size).toBeGreaterThan(0)
})
