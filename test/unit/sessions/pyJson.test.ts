import fc from 'fast-check'
import { GatewayError } from '../../../src/core/errors.ts'
import { readJson } from '../../../src/sessions/pyJson.ts'
import { PY_LIMITS, type PyValue } from '../../../src/sessions/pyValue.ts'
import { fuzz } from '../../support/fuzz.ts'

test('what JSON.parse reads is read the same (fuzz)', () => {
  fuzz(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t'), (text, indent) => {
      const value = JSON.parse(text)
      expect(asJavaScript(readJson(Buffer.from(JSON.stringify(value, null, indent))))).toEqual(value)
    }),
  )
})

test('what JSON.parse refuses is refused, but for the three words that only Python writes (fuzz)', () => {
  const characters = fc.constantFrom(...'{}[]",:\\u0019.eE-+ \n\taftrnl/NI')
  fuzz(
    fc.property(fc.array(characters, { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      expect(isReadBy(() => readJson(Buffer.from(text)), text)).toBe(isReadBy(() => JSON.parse(text), text))
    }),
  )
})

test('whole numbers keep every digit', () => {
  expect(readJson(Buffer.from('9007199254740993'))).toEqual({ t: 'int', v: 9007199254740993n })
  expect(readJson(Buffer.from('-123456789012345678901234567890'))).toEqual({
    t: 'int',
    v: -123456789012345678901234567890n,
  })
})

test('NaN and the infinities, which Python writes, are floats', () => {
  expect(readJson(Buffer.from('[NaN,Infinity,-Infinity]'))).toEqual({
    t: 'list',
    v: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((v) => ({ t: 'float', v })),
  })
})

test('of a key that stands there twice the last one counts', () => {
  expect(asJavaScript(readJson(Buffer.from('{"a":1,"b":2,"a":3}')))).toEqual({ a: 3, b: 2 })
})

test.each([
  ['65 lists', `${'['.repeat(65)}${']'.repeat(65)}`],
  ['a hundred thousand values', `[${'0,'.repeat(99_999)}0]`],
  ['a number of 4,301 digits', '1'.repeat(4_301)],
  ['a megabyte and a byte', `"${'x'.repeat(PY_LIMITS.maxBytes - 1)}"`],
])('%s are over the limit', (_, text) => {
  expect(() => readJson(Buffer.from(text))).toThrow(expect.objectContaining({ reason: 'LIMIT' }))
})

test('what is just within the limits is read', () => {
  for (const text of [
    `${'['.repeat(64)}${']'.repeat(64)}`,
    `[${'0,'.repeat(99_998)}0]`,
    '1'.repeat(4_300),
    `"${'x'.repeat(PY_LIMITS.maxBytes - 2)}"`,
    `"${'\\n'.repeat(PY_LIMITS.maxBytes / 2 - 1)}"`,
  ])
    expect(readJson(Buffer.from(text)).t).toBeDefined()
})

function isReadBy(read: () => unknown, text: string): boolean {
  try {
    read()
    return true
  } catch (error) {
    if (!(error instanceof GatewayError || error instanceof SyntaxError)) throw new Error(text, { cause: error })
    return false
  }
}

function asJavaScript(value: PyValue): unknown {
  if (value.t === 'none') return null
  if (value.t === 'int') return Number(value.v)
  if (value.t === 'list') return value.v.map(asJavaScript)
  if (value.t !== 'dict') return value.v
  return Object.fromEntries([...value.v.values()].map(([key, held]) => [asJavaScript(key), asJavaScript(held)]))
}
