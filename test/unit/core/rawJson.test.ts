import { checkJson, printJson } from '../../../src/core/rawJson.ts'

const raw = (text: string) => checkJson(Buffer.from(text), 1_000)

test.each([
  [{ a: 1, b: [true, null, 'x"\u2028'], c: { d: {} }, e: undefined, ['__proto__x']: 0 }],
  [[undefined, Number.NaN, [], -0, 1e300]],
  ['text \ud800'],
  [null],
  [JSON.parse('{"__proto__":{"a":1},"":[]}')],
])('plain data is printed as JSON.stringify prints it: %j', (value) => {
  expect(printJson(value)).toBe(JSON.stringify(value))
})

test.each([
  ['{ "n" : 12345678901234567890, "n":1.0 }'],
  ['"\u00e9\u2028\\ud800\\/\ud83d\ude00"'],
  ['  [1e5 ,\t-0.0]\n'],
])('a body stands in it byte for byte: %j', (text) => {
  const printed = printJson({ items: [{ body: raw(text), seq: 1 }], next: raw('1') })
  expect(printed).toBe(`{"items":[{"body":${text},"seq":1}],"next":1}`)
  expect(Buffer.from(printJson(raw(text)))).toEqual(Buffer.from(text))
})
