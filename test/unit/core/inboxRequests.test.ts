import { asGatewayError } from '../../../src/core/errors.ts'
import { parseListQuery, parseMark } from '../../../src/core/inboxRequests.ts'

const upTo = { epoch: 'e', seq: 7 }
const said = (parse: () => unknown) => {
  try {
    return parse()
  } catch (thrown) {
    const { code, message } = asGatewayError(thrown)
    return `${code} ${message}`
  }
}

test.each<[unknown, unknown]>([
  [undefined, { before: undefined, limit: 50, filter: 'all' }],
  [null, { before: undefined, limit: 50, filter: 'all' }],
  [{}, { before: undefined, limit: 50, filter: 'all' }],
  [
    { before: 17, limit: 100, filter: 'archived' },
    { before: 17, limit: 100, filter: 'archived' },
  ],
])('a list is asked for with %j', (value, query) => {
  expect(said(() => parseListQuery(value))).toEqual(query)
})

test.each<[unknown, string]>([
  [7, 'object'],
  [[], 'object'],
  ['all', 'object'],
  [Buffer.from('{}'), 'object'],
  [{ before: -1 }, '"before"'],
  [{ before: '17' }, '"before"'],
  [{ before: null }, '"before"'],
  [{ before: 2 ** 60 }, '"before"'],
  [{ limit: 0 }, '"limit"'],
  [{ limit: 101 }, '"limit"'],
  [{ limit: 1.5 }, '"limit"'],
  [{ limit: Number.NaN }, '"limit"'],
  [{ filter: 'read' }, '"filter"'],
  [{ filter: 'constructor' }, '"filter"'],
  [{ fliter: 'unread' }, '"fliter"'],
  [JSON.parse('{"__proto__":1}'), '"__proto__"'],
])('a list with %j is refused, and the refusal says why', (value, why) => {
  expect(said(() => parseListQuery(value))).toMatch(new RegExp(`^event\\.invalid .*${why}.*\\.$`))
})

test.each<[unknown, unknown]>([
  [
    { op: 'read', ids: ['a'] },
    { op: 'read', ids: ['a'], upTo: undefined },
  ],
  [
    { op: 'delete', upTo },
    { op: 'delete', ids: [], upTo },
  ],
  [
    { op: 'seen', ids: ['a', 'orders:b'], upTo: { epoch: '', seq: 0 } },
    { op: 'seen', ids: ['a', 'orders:b'], upTo: { epoch: '', seq: 0 } },
  ],
  [
    { op: 'archive', ids: Array(500).fill('x'.repeat(330)) },
    { op: 'archive', ids: Array(500).fill('x'.repeat(330)), upTo: undefined },
  ],
])('a mark is asked for, case %#', (value, mark) => {
  expect(said(() => parseMark(value))).toEqual(mark)
})

test.each<[unknown, string]>([
  [undefined, 'event.invalid'],
  [null, 'event.invalid'],
  [[], 'event.invalid'],
  [{ ids: ['a'] }, 'event.invalid .*"op"'],
  [{ op: 'explode', ids: ['a'] }, 'event.invalid .*"op"'],
  [{ op: 'toString', ids: ['a'] }, 'event.invalid .*"op"'],
  [{ op: 'read' }, 'event.invalid .*"upTo"'],
  [{ op: 'read', ids: [] }, 'event.invalid .*"ids"'],
  [{ op: 'read', ids: 'a' }, 'event.invalid .*"ids"'],
  [{ op: 'read', ids: [''] }, 'event.invalid .*"ids"'],
  [{ op: 'read', ids: [1] }, 'event.invalid .*"ids"'],
  [{ op: 'read', ids: ['x'.repeat(331)] }, 'event.invalid .*"ids"'],
  [{ op: 'read', ids: Array(501).fill('a') }, 'event.invalid .*"ids"'],
  [{ op: 'read', ids: null, upTo }, 'event.invalid .*"ids"'],
  [{ op: 'read', ids: ['a'], user: '43' }, 'event.invalid .*"user"'],
  [{ op: 'read', upTo: null }, 'inbox.position'],
  [{ op: 'read', upTo: 7 }, 'inbox.position'],
  [{ op: 'read', upTo: [] }, 'inbox.position'],
  [{ op: 'read', upTo: { seq: 7 } }, 'inbox.position'],
  [{ op: 'read', upTo: { epoch: 'e' } }, 'inbox.position'],
  [{ op: 'read', upTo: { epoch: 'e', seq: -1 } }, 'inbox.position'],
  [{ op: 'read', upTo: { epoch: 'e', seq: Number.NaN } }, 'inbox.position'],
  [{ op: 'read', upTo: { epoch: 'e', seq: 1.5 } }, 'inbox.position'],
  [{ op: 'read', upTo: { epoch: 'e', seq: '7' } }, 'inbox.position'],
])('a mark with %j is refused', (value, refusal) => {
  expect(said(() => parseMark(value))).toMatch(new RegExp(`^${refusal}`))
})
