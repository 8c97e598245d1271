import fc from 'fast-check'
import { cookieValues } from '../../../src/sessions/cookies.ts'
import { fuzz } from '../../support/fuzz.ts'

test.each<[string, string | undefined, readonly string[]]>([
  ['no header', undefined, []],
  ['an empty header', '', []],
  ['another name', 'other=1', []],
  ['a longer name', 'asid=1; sidb=2; SID=3', []],
  ['one', 'a=1; sid=x; b=2', ['x']],
  ['several, in their order', 'sid=x; a=1; sid=y;sid=z', ['x', 'y', 'z']],
  ['one that is quoted', 'sid="x y"', ['x y']],
  ['half a quote, which is part of it', 'sid="x', ['"x']],
  ['an equals sign in the value', 'sid=a=b==', ['a=b==']],
  ['spaces around', '  sid = x  ;', ['x']],
  ['percent signs, left as they are', 'sid=%41', ['%41']],
  ['empty ones, left out', 'sid=; sid=""; sid=x', ['x']],
  ['a name without a value', 'sid; sid=x', ['x']],
  ['names that JavaScript knows', '__proto__=1; sid=x; constructor=2', ['x']],
])('%s', (_, header, values) => {
  expect(cookieValues(header, 'sid')).toEqual(values)
})

test('a header over 64 KB is refused', () => {
  expect(cookieValues(`sid=${'x'.repeat(65_532)}`, 'sid')).toHaveLength(1)
  expect(() => cookieValues(`sid=${'x'.repeat(65_533)}`, 'sid')).toThrow(expect.objectContaining({ reason: 'LIMIT' }))
})

test('eight of one name are read, nine are refused', () => {
  expect(cookieValues('sid=x;'.repeat(8), 'sid')).toHaveLength(8)
  expect(() => cookieValues('sid=x;'.repeat(9), 'sid')).toThrow(expect.objectContaining({ reason: 'LIMIT' }))
})

test('whatever the header holds, what was put there last and first is found (fuzz)', () => {
  fuzz(
    fc.property(
      fc.string().filter((text) => !text.includes('sid')),
      (noise) => {
        const values = cookieValues(`sid=first;${noise};sid=last`, 'sid')
        expect(values).toEqual(['first', 'last'])
      },
    ),
  )
})
