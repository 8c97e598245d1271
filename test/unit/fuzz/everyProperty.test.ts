import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts') && !file.endsWith('everyProperty.test.ts'))
  .map((file) => ({ file, source: readFileSync(join('test', file), 'utf8') }))
const count = (source: string, pattern: RegExp) => source.match(pattern)?.length ?? 0

test('every property is held against as many cases as FUZZ_RUNS says', () => {
  expect(files.filter(({ source }) => source.includes('fc.assert')).map(({ file }) => file)).toEqual([])
})

test('every test that fuzzes is found by npm run fuzz', () => {
  const fuzzing = files.filter(({ source }) => source.includes('support/fuzz.ts'))
  expect(fuzzing.length).toBeGreaterThan(0)
  for (const { file, source } of fuzzing) {
    const calls =
      count(source, /\b(fuzz|return everyAnswerIsSound)\(\n/g) - count(source, /function everyAnswerIsSound/g)
    expect([file, count(source, /\(fuzz\)'/g)]).toEqual([file, calls])
  }
})
