import fc from 'fast-check'
import { parseDraft } from '../../../src/core/draft.ts'
import { printReply, readRequest } from '../../../src/core/envelope.ts'
import { parseListQuery, parseMark } from '../../../src/core/inboxRequests.ts'
import { checkJson, printJson } from '../../../src/core/rawJson.ts'
import { bitten, fuzz, judged } from '../../support/fuzz.ts'

const word = fc.constantFrom('42', '#orders', '*', '%', '', 'a|b', '\0', '\ud800', 'x'.repeat(201))
const either = (likely: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 9, arbitrary: likely }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) })
const keys = {
  recipient: either(fc.oneof(word, fc.array(word, { maxLength: 3 }))),
  id: either(fc.uuid()),
  type: either(word),
  source: either(word),
  collapse: either(word),
  ttl: either(fc.constantFrom(1, 60, 0, -1, 1e99, '10')),
  keep: either(fc.boolean()),
  v: either(fc.constant(1)),
  ['__proto__']: word,
  notification: fc.jsonValue({ maxDepth: 4 }),
}
const header = fc.record(keys, { requiredKeys: ['recipient'], noNullPrototype: true })
const printed = fc.oneof(
  header.map((value) => Buffer.from(JSON.stringify(value))),
  fc
    .constantFrom('{"recipient":"42","notification":1}', '{"recipient":["42","*"],"id":"a"}')
    .map((text) => Buffer.from(text)),
)
const bytes = fc.oneof({ weight: 3, arbitrary: printed }, { weight: 2, arbitrary: bitten(printed) })
const body = fc.oneof(
  fc.json().map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 20 }),
)

test('whatever is asked of the ingest socket becomes a submission that can be judged, or a coded refusal (fuzz)', () => {
  const verdicts = new Set<boolean>()
  fuzz(
    fc.property(bytes, fc.option(body, { nil: undefined }), (bytes, body) => {
      const request = readRequest(bytes, body)
      verdicts.add(request.ok)
      if (!request.ok) return expect(request.error.code).toMatch(/^draft\./)
      judged(() => parseDraft(request.submission, 1_000))
      if (body !== undefined) expect(request.submission.body).toBe(body)
      const id = request.id ?? 'n'
      const positions = new Map(request.submission.to.map((to) => [to, { epoch: 'e', seq: 1 }]))
      const reply: unknown = JSON.parse(printReply(id, { ok: true, id, duplicate: false, positions, store: 's' }))
      const told = { ok: true, id, duplicate: false, positions: Object.fromEntries(positions), store: 's' }
      expect(reply).toEqual(told)
    }),
  )
  expect(verdicts.size).toBe(2)
})

const position = fc.record({ epoch: either(fc.string()), seq: either(fc.nat()) }, { noNullPrototype: true })
const wish = fc.record(
  {
    op: either(fc.constantFrom('read', 'archive', 'delete', 'toString')),
    ids: either(fc.array(fc.string(), { maxLength: 4 })),
    upTo: either(position),
    before: either(fc.nat()),
    limit: either(fc.integer({ min: 0, max: 101 })),
    filter: either(fc.constantFrom('all', 'unread', 'archived', 'read')),
  },
  { requiredKeys: [], noNullPrototype: true },
)

test('whatever is asked of an inbox is a list, a mark or a coded refusal (fuzz)', () => {
  fuzz(
    fc.property(fc.oneof(wish, fc.jsonValue({ maxDepth: 2 })), (value) => {
      const { op, ids, upTo, ...listed } = Object(value)
      for (const asked of [value, listed]) {
        const query = judged(() => parseListQuery(asked))
        if (!(query instanceof Error)) expect(query.limit).toBeGreaterThan(0)
      }
      for (const asked of [value, { op, ids, upTo }]) {
        const mark = judged(() => parseMark(asked))
        if (!(mark instanceof Error)) expect(mark.ids.length > 0 || mark.upTo !== undefined).toBe(true)
      }
    }),
  )
})

test('whatever is printed with bodies in it is JSON, and the bodies stand in it as they were (fuzz)', () => {
  fuzz(
    fc.property(fc.jsonValue(), fc.json(), (value, body) => {
      const text = printJson({ value, items: [{ body: checkJson(Buffer.from(body), 1_000_000) }] })
      expect(text).toBe(`{"value":${JSON.stringify(value)},"items":[{"body":${body}}]}`)
    }),
  )
})
