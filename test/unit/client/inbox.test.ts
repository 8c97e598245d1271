import type { Ask } from '../../../client/ask.ts'
import type { Happenings } from '../../../client/heraldo.ts'
import { HeraldoError } from '../../../client/heraldoError.ts'
import { ClientInbox } from '../../../client/inbox.ts'
import { Listeners } from '../../../client/listeners.ts'
import { Places } from '../../../client/places.ts'
import { Remembered } from '../../../client/remembered.ts'
import type { Change, Counts, Hello, Reply } from '../../../client/wire.ts'

const PAGE = { epoch: 'e1', items: [] }
const READ = { read: true, seen: true, archived: false }
const countsAt = (rev: number, unread = rev): Counts => ({ unread, unseen: unread, rev })
const hello = (mode: Hello['mode'], rev: number): Hello => ({
  user: { id: '42' },
  mode,
  position: { epoch: 'e1', seq: 1 },
  counts: countsAt(rev),
})
const change = (rev: number, changes: readonly Change[] = []) => ({ epoch: 'e1', rev, counts: countsAt(rev), changes })

/** An inbox whose gateway answers like this, and what it told. */
function inboxOf(answer: () => Promise<Reply<object>>) {
  const listeners = new Listeners<Happenings>()
  const told: unknown[] = []
  listeners.on('counts', ({ rev }) => told.push(rev))
  listeners.on('change', (changes) => told.push(changes))
  const ask = (async () => answer()) as Ask
  return { inbox: new ClientInbox(ask, listeners, new Remembered(new Places('/', null))), told }
}

const answering = (answer: object) => inboxOf(async () => ({ ok: true, ...answer }))
const unreachable = () =>
  inboxOf(() => Promise.reject(new HeraldoError({ code: 'network', message: 'not connected', retry: true })))

test('within a connection the highest rev wins, however it comes; a greeting always replaces', async () => {
  const { inbox, told } = answering({ counts: countsAt(9) })
  expect(inbox.counts).toBeUndefined()
  inbox.greeted(hello('fresh', 5))
  inbox.changed(change(7))
  inbox.changed(change(6))
  expect(inbox.counts).toEqual(countsAt(7))
  expect(await inbox.mark('read', { ids: ['a'] })).toEqual(countsAt(9))
  inbox.changed(change(8))
  inbox.changed(change(9))
  expect([inbox.counts, told]).toEqual([countsAt(9), [7, 9]])
  inbox.greeted(hello('resumed', 3))
  expect(inbox.counts).toEqual(countsAt(3))
})

test('changes are told whatever their rev: a mark may have been answered before', async () => {
  const { inbox, told } = answering({ counts: countsAt(9) })
  inbox.greeted(hello('fresh', 5))
  await inbox.mark('read', { ids: ['a'] })
  inbox.changed(change(9, [{ seq: 1, ...READ }]))
  inbox.changed(change(10))
  expect(told).toEqual([9, [{ seq: 1, ...READ }], 10])
})

test('who comes back and has heard every change need not list again, everybody else has to', async () => {
  const { inbox } = answering({ counts: countsAt(9) })
  expect([inbox.greeted(hello('resumed', 5)), inbox.greeted(hello('resumed', 5))]).toEqual([true, false])
  inbox.changed(change(6))
  expect([inbox.greeted(hello('resumed', 6)), inbox.greeted(hello('resumed', 8))]).toEqual([false, true])
  expect([inbox.greeted(hello('snapshot', 8)), inbox.greeted(hello('fresh', 8))]).toEqual([true, true])
  // It knows the counts after its own mark, and has not heard yet what the mark did.
  await inbox.mark('read', { ids: ['a'] })
  expect(inbox.greeted(hello('resumed', 9))).toBe(true)
})

test('who could not list has to when it is back', async () => {
  const { inbox } = unreachable()
  inbox.greeted(hello('fresh', 5))
  await expect(inbox.list()).rejects.toMatchObject({ code: 'network' })
  inbox.changed(change(6))
  expect(inbox.greeted(hello('resumed', 6))).toBe(true)
})

test('what came together with the answer is in the list', async () => {
  const { inbox } = answering(PAGE)
  inbox.greeted(hello('fresh', 5))
  const listed = inbox.list()
  for (let n = 0; n < 10; n++) await Promise.resolve()
  inbox.heard('hi', { id: 'a', type: 't', at: 7, seq: 2, epoch: 'e1' })
  inbox.heard('live', { id: 'b', type: 't', at: 7 })
  inbox.changed(change(6, [{ seq: 2, ...READ }]))
  const item = { body: 'hi', id: 'a', type: 't', at: 7, seq: 2, ...READ }
  expect(await listed).toEqual({ epoch: 'e1', items: [item] })
  expect(await inbox.list()).toEqual(PAGE)
})
