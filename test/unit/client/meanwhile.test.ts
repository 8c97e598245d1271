import { Meanwhile } from '../../../client/meanwhile.ts'
import type { Item, ListQuery } from '../../../client/wire.ts'

const UNREAD = { read: false, seen: false, archived: false }
const READ = { read: true, seen: true, archived: false }
const ARCHIVED = { ...UNREAD, archived: true }
const item = (seq: number, flags = UNREAD): Item => ({ body: seq, id: `n-${seq}`, type: 't', at: seq, seq, ...flags })
const listing = (query: ListQuery = {}) => new Meanwhile(query)
const page = (...items: Item[]) => ({ epoch: 'e1', items, next: 1 })
const seqs = ({ items }: { readonly items: readonly Item[] }) => items.map(({ seq }) => seq)

test('a page to which nothing happened is as it came', () => {
  expect(listing().into(page(item(3), item(2)))).toEqual(page(item(3), item(2)))
  expect(listing().into({ epoch: 'e1', items: [] })).toEqual({ epoch: 'e1', items: [] })
})

test('what arrived while it was asked for stands first, newest first, and once', () => {
  const list = listing()
  for (const seq of [3, 4, 5]) list.heard(item(seq))
  expect(seqs(list.into(page(item(3), item(2))))).toEqual([5, 4, 3, 2])
})

test('what was missed long ago and is told meanwhile is left to the next pages', () => {
  const list = listing()
  for (let seq = 1; seq <= 60; seq++) list.heard(item(seq))
  const newest = Array.from({ length: 50 }, (_, n) => item(60 - n))
  expect(list.into({ epoch: 'e1', items: newest, next: 11 })).toEqual({ epoch: 'e1', items: newest, next: 11 })
})

test('what was marked meanwhile is marked, what was deleted is gone, and the last change counts', () => {
  const list = listing()
  list.heard(item(4))
  list.changed([
    { seq: 4, ...READ },
    { seq: 3, ...READ },
    { seq: 2, deleted: true },
    { seq: 99, ...READ },
  ])
  list.changed([{ seq: 3, ...UNREAD }])
  expect(list.into(page(item(3), item(2), item(1))).items).toEqual([item(4, READ), item(3), item(1)])
})

test.each<[NonNullable<ListQuery['filter']>, number[]]>([
  ['all', [5, 4, 3, 2]],
  ['unread', [5, 3]],
  ['archived', [2]],
])('what is no longer, or never was, of the filter %s is not in the answer', (filter, expected) => {
  const list = listing({ filter })
  list.heard(item(4, READ))
  list.heard(item(5))
  list.changed([{ seq: 2, ...ARCHIVED }])
  expect(seqs(list.into(page(item(3), item(2))))).toEqual(expected)
})

test('an older page has no news', () => {
  const list = listing({ before: 4 })
  list.heard(item(9))
  list.changed([{ seq: 3, ...READ }])
  expect(list.into(page(item(3), item(2))).items).toEqual([item(3, READ), item(2)])
})
