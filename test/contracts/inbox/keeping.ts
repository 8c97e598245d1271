import type { Copy } from '../../../src/core/inbox.ts'
import { type Benches, BOUNDS, bodiesOf, bodyOfBytes, copyOf, DAY_MS, json, NEW, seqsOf, textOf } from './bench.ts'

const BODIES = [
  '{}',
  ' {"a" : 1,\r\n\t"a":2} ',
  '"\\u0000 \\ud83d\\ude00 😀 é"',
  '[1e400,-0,12345678901234567890.10]',
  '"</script>\u2028"',
  'null',
  bodyOfBytes(100_000),
]
const ODD_USERS = ['a', 'a{b}', '{a}', '%7C', '#x', '*', 'é 😀', ' ', '__proto__', 'a:b', 'x'.repeat(200)]

export function keeping({ its, other }: Benches): void {
  test('what is kept is numbered from 1 without holes, in the order in which it was handed over', async () => {
    const it = its()
    expect(await it.keep(copyOf('ann', 'a', '1'), copyOf('ann', 'b', '2'))).toEqual([1, 2])
    const three = it.inbox.keep([copyOf('ann', 'c', '3')])
    const four = it.inbox.keep([copyOf('ann', 'd', '4')])
    expect([...(await three), ...(await four)]).toMatchObject([{ position: { seq: 3 } }, { position: { seq: 4 } }])
    expect(bodiesOf(await it.items('ann'))).toEqual(['1', '2', '3', '4'])
  })

  test('an item is what its copy said, new, with the time of the store', async () => {
    const { inbox } = its()
    const more = { source: 'orders', type: 'order.shipped', ttlMs: 60_000, collapse: 'o-17' }
    await inbox.keep([copyOf('ann', 'o-17', '{"a":1}', more), copyOf('ann', 'x')])
    const { items, now } = await inbox.open('ann', 'snapshot')
    const [first, second] = items
    const at = first?.at ?? 0
    expect(first).toEqual({
      ...NEW,
      seq: 1,
      id: 'orders:o-17',
      type: 'order.shipped',
      at,
      body: first?.body,
      expiresAt: at + 60_000,
      collapse: 'o-17',
    })
    expect(second).toMatchObject({ ...NEW, id: 'x', expiresAt: undefined, collapse: undefined })
    expect(at).toBeLessThanOrEqual(second?.at ?? 0)
    expect(second?.at).toBeLessThanOrEqual(now)
  })

  test('what is handed over later comes later, also for the last of a thousand users', async () => {
    const it = its()
    const users = Array.from({ length: 1_000 }, (_, i) => `user ${i}`)
    const first = it.inbox.keep(users.map((user) => copyOf(user, 'first')))
    const second = it.inbox.keep([copyOf('user 999', 'second')])
    await Promise.all([first, second])
    expect((await it.items('user 999')).map(({ id }) => id)).toEqual(['first', 'second'])
  })

  test('a batch goes to many users, to some of them twice, and is answered in its order', async () => {
    const it = its()
    const batch = ['ann', 'bob', 'ann', 'cid', 'bob'].map((user, i) => copyOf(user, `n${i}`, `${i}`))
    const kept = await it.inbox.keep(batch)
    expect(kept.map(({ user }) => user)).toEqual(['ann', 'bob', 'ann', 'cid', 'bob'])
    expect(await it.keep(...batch)).toEqual([1, 1, 2, 1, 2])
    expect(bodiesOf(await it.items('ann'))).toEqual(['0', '2'])
    expect(bodiesOf(await it.items('bob'))).toEqual(['1', '4'])
    expect(await it.keep()).toEqual([])
  })

  test('bodies come back byte for byte', async () => {
    const it = its()
    for (const [i, body] of BODIES.entries()) {
      await it.keep(copyOf('ann', `n${i}`, body))
      const { items } = await it.inbox.list('ann', { before: undefined, limit: 1, filter: 'all' })
      expect(items.map((item) => textOf(item.body))).toEqual([body])
    }
  })

  test('users with odd names have inboxes like others, and each their own', async () => {
    const it = its()
    await Promise.all(ODD_USERS.map((user) => it.under.follow(user)))
    await it.keep(...ODD_USERS.map((user) => copyOf(user, 'n', JSON.stringify(user))))
    for (const user of ODD_USERS) {
      expect(bodiesOf(await it.items(user))).toEqual([JSON.stringify(user)])
      expect(await it.ringsOf(user)).toMatchObject([{ user, item: { seq: 1 } }])
    }
    await it.mark('a', 'delete', 'n')
    for (const user of ODD_USERS) expect(await it.seqs(user)).toEqual(user === 'a' ? [] : [1])
    expect((await it.inbox.lives('n')).map(({ user }) => user).sort()).toEqual([...ODD_USERS].sort())
  })

  test('ids, sources, types and keys may be any text', async () => {
    const it = its()
    const texts = ['__proto__', 'constructor', ':', ' ', '{a}', '%', '\n', '\u0000', '"\\', 'é😀', 'x'.repeat(128)]
    const copies = texts.map((text) => copyOf('ann', text, '1', { source: text, type: text, collapse: text }))
    expect(await it.keep(...copies)).toEqual(texts.map((_, i) => i + 1))
    expect(await it.keep(...copies)).toEqual(texts.map((_, i) => i + 1))
    const items = await it.items('ann')
    expect(items.map(({ id }) => id)).toEqual(texts.map((text) => `${text}:${text}`))
    expect(items.map(({ type, collapse }) => [type, collapse])).toEqual(texts.map((text) => [text, text]))
    for (const text of texts) await it.mark('ann', 'read', `${text}:${text}`)
    expect(await it.counts('ann')).toEqual([0, 0])
  })

  sentAgain({ its, other })
  scoped({ its, other })
  leaving({ its, other })
  collapsing({ its, other })
}

function sentAgain({ its }: Benches): void {
  test('sent again it is a duplicate: it has the original’s position, and nothing is stored', async () => {
    const it = its()
    const copy = copyOf('ann', 'a', '1')
    const [first] = await it.inbox.keep([copy])
    await it.keep(copyOf('ann', 'b'))
    expect(first).toMatchObject({ user: 'ann', outcome: 'stored', position: { seq: 1 } })
    const other: Partial<Copy> = { type: 'another', ttlMs: 1, collapse: 'k', acceptedAt: 1 }
    for (const again of [copy, copyOf('ann', 'a', '1', other)])
      expect(await it.inbox.keep([again])).toEqual([{ ...first, outcome: 'duplicate' }])
    expect(await it.items('ann')).toMatchObject([{ type: 'message', expiresAt: undefined, collapse: undefined }, {}])
  })

  test('twice in one batch it is stored once', async () => {
    const it = its()
    const kept = await it.inbox.keep([copyOf('ann', 'a', '1'), copyOf('ann', 'a', '1'), copyOf('ann', 'a', '2')])
    expect(kept.map(({ outcome }) => outcome)).toEqual(['stored', 'duplicate', 'conflict'])
    expect(await it.seqs('ann')).toEqual([1])
  })

  test('sent twenty times in the same instant it is stored once', async () => {
    const it = its()
    const all = await Promise.all(Array.from({ length: 20 }, () => it.inbox.keep([copyOf('ann', 'a', '1')])))
    const kept = all.flat()
    expect(kept.filter(({ outcome }) => outcome === 'stored')).toHaveLength(1)
    expect(kept.filter(({ outcome }) => outcome === 'duplicate')).toHaveLength(19)
    expect(new Set(kept.map((one) => JSON.stringify('position' in one && one.position))).size).toBe(1)
    expect(await it.seqs('ann')).toEqual([1])
  })

  test('the same id with other bytes is a conflict, also when they mean the same; the original stands', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a', '{"a":1}'))
    const { counts } = await it.state('ann')
    const others = ['{"a":2}', '{"a": 1}', '{"a":1.0}', '{"\\u0061":1}'].map((body) => copyOf('ann', 'a', body))
    for (const copy of others) expect(await it.inbox.keep([copy])).toEqual([{ user: 'ann', outcome: 'conflict' }])
    expect(bodiesOf(await it.items('ann'))).toEqual(['{"a":1}'])
    expect((await it.state('ann')).counts).toEqual(counts)
    expect(await it.keep(copyOf('ann', 'a', '{"a":1}'), copyOf('ann', 'b'))).toEqual([1, 2])
  })

  test('a conflict is one user’s: the other copies of its batch are stored', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a', '1'))
    expect(await it.keep(...['bob', 'ann', 'cid'].map((user) => copyOf(user, 'a', '2')))).toEqual([1, 'conflict', 1])
  })

  test('an id stays taken after its notification was read, deleted, replaced or trimmed, and after it expired', async () => {
    const it = its()
    await it.keep(
      copyOf('ann', 'expired', '1', { ttlMs: 1 }),
      copyOf('ann', 'read', '1'),
      copyOf('ann', 'deleted', '1'),
    )
    await it.keep(copyOf('ann', 'replaced', '1', { collapse: 'k' }), copyOf('ann', 'replacing', '1', { collapse: 'k' }))
    await it.mark('ann', 'read', 'read')
    await it.mark('ann', 'delete', 'deleted')
    await it.pass(1)
    const names = ['expired', 'read', 'deleted', 'replaced']
    const again = () => it.keep(...names.map((id) => copyOf('ann', id, '1')))
    const changed = () => it.keep(...names.map((id) => copyOf('ann', id, '2')))
    expect(await again()).toEqual([1, 2, 3, 4])
    expect(await it.seqs('ann')).toEqual([2, 5])
    await it.fill('ann', BOUNDS.keep)
    expect(await again()).toEqual([1, 2, 3, 4])
    expect(await changed()).toEqual(names.map(() => 'conflict'))
    expect(await it.seqs('ann')).toHaveLength(BOUNDS.keep)
  })
}

function scoped({ its }: Benches): void {
  test('the same id of another source is another notification', async () => {
    const it = its()
    const sources = ['', 'orders', 'chat']
    expect(await it.keep(...sources.map((source, i) => copyOf('ann', 'a', `${i}`, { source })))).toEqual([1, 2, 3])
    expect((await it.items('ann')).map(({ id }) => id)).toEqual(['a', 'orders:a', 'chat:a'])
  })

  test('sources and ids that read alike as `source:id` are kept apart, and marked together', async () => {
    const it = its()
    const alike = [
      ['a:b', 'c'],
      ['a', 'b:c'],
      ['', 'a:b:c'],
    ] as const
    const copies = alike.map(([source, id], i) => copyOf('ann', id, `${i}`, { source }))
    expect(await it.keep(...copies)).toEqual([1, 2, 3])
    expect(await it.keep(...copies)).toEqual([1, 2, 3])
    expect((await it.items('ann')).map(({ id }) => id)).toEqual(['a:b:c', 'a:b:c', 'a:b:c'])
    expect((await it.inbox.lives('a:b:c')).map(({ position }) => position.seq).sort()).toEqual([1, 2, 3])
    await it.mark('ann', 'delete', 'a:b:c')
    expect(await it.seqs('ann')).toEqual([])
    expect(await it.keep(...copies)).toEqual([1, 2, 3])
  })
}

function leaving({ its, other }: Benches): void {
  test('beyond its bound an inbox loses the oldest, archived or not', async () => {
    const it = its()
    await it.fill('ann', BOUNDS.keep)
    await it.mark('ann', 'archive', 'n1', 'n3')
    expect(await it.seqs('ann')).toHaveLength(BOUNDS.keep)
    expect(await it.keep(copyOf('ann', 'a'), copyOf('ann', 'b'))).toEqual([BOUNDS.keep + 1, BOUNDS.keep + 2])
    const seqs = await it.seqs('ann')
    expect(seqs).toHaveLength(BOUNDS.keep)
    expect([seqs[0], seqs.at(-1)]).toEqual([3, BOUNDS.keep + 2])
    expect(await it.counts('ann')).toEqual([BOUNDS.keep - 1, BOUNDS.keep - 1])
  })

  test('what was deleted makes room: nothing is trimmed for its sake', async () => {
    const it = its()
    await it.fill('ann', BOUNDS.keep)
    await it.mark('ann', 'delete', 'n7')
    await it.keep(copyOf('ann', 'a'))
    expect((await it.seqs('ann'))[0]).toBe(1)
    expect((await it.resume('ann', 0)).mode).toBe('resumed')
  })

  test('what has expired is neither listed, delivered nor counted, and what has no ttl stays', async () => {
    const it = its()
    const ttls = [50, undefined, 20]
    await it.keep(...ttls.map((ttlMs, i) => copyOf('ann', `n${i}`, '1', { ttlMs })))
    await it.pass(50)
    expect(await it.seqs('ann')).toEqual([2])
    expect(seqsOf((await it.resume('ann', 0)).items)).toEqual([2])
    expect(seqsOf((await it.inbox.open('ann', 'snapshot')).items)).toEqual([2])
    expect(await it.counts('ann')).toEqual([1, 1])
    expect(await it.keep(copyOf('ann', 'n3'))).toEqual([4])
  })

  test.each(['open', 'list', 'mark', 'keep a duplicate'])('%s finds nothing that has expired', async (what) => {
    const it = its()
    const lasting = copyOf('ann', 'lasting')
    await it.keep(lasting, copyOf('ann', 'a', '1', { ttlMs: 1 }), copyOf('ann', 'b', '1', { ttlMs: 1 }))
    const { epoch } = (await it.state('ann')).position
    const { rev } = (await it.state('ann')).counts
    await it.pass(1)
    if (what === 'open') expect(await it.inbox.open('ann', null)).toMatchObject({ counts: { unread: 1, unseen: 1 } })
    if (what === 'list') expect(await it.seqs('ann')).toEqual([1])
    if (what === 'mark') {
      const mark = { op: 'read', ids: ['a'], upTo: { epoch, seq: 3 } } as const
      expect(await it.inbox.mark('ann', mark)).toMatchObject({ unread: 0, unseen: 0 })
    }
    if (what === 'keep a duplicate') await it.inbox.keep([lasting])
    const { counts } = await it.state('ann')
    expect(counts.unread).toBe(what === 'mark' ? 0 : 1)
    expect(counts.rev).toBeGreaterThan(rev)
  })

  test('a notification stands as long as the inbox lets it, or as long as its ttl says, be that longer', async () => {
    const it = await other({ ...BOUNDS, days: 50 / DAY_MS })
    await it.under.follow('ann')
    await it.keep(copyOf('ann', 'a', '1'), copyOf('ann', 'b', '1', { ttlMs: 60_000 }))
    const { item } = (await it.ringsOf('ann')).at(-1) ?? {}
    expect(item?.expiresAt).toBe((item?.at ?? 0) + 60_000)
    await it.pass(50)
    expect(await it.seqs('ann')).toEqual([2])
    expect(await it.counts('ann')).toEqual([1, 1])
    expect((await it.inbox.lives('a'))[0]?.gone?.why).toBe('expired')
    expect(await it.keep(copyOf('ann', 'a', '1'), copyOf('ann', 'c', '1'))).toEqual([1, 3])
    // It stands between younger ones that do not.
    await it.pass(50)
    expect(await it.seqs('ann')).toEqual([2])
  })
}

function collapsing({ its }: Benches): void {
  const k = (id: string, more: Partial<Copy> = {}) => copyOf('ann', id, '1', { collapse: 'k', ...more })

  test('a collapse key replaces what is unread under that key, archived or not', async () => {
    const it = its()
    await it.keep(k('a'), copyOf('ann', 'other'))
    expect(await it.keep(k('b'))).toEqual([3])
    expect(await it.seqs('ann')).toEqual([2, 3])
    await it.mark('ann', 'seen', 'b')
    await it.mark('ann', 'archive', 'b')
    await it.keep(k('c'))
    expect(await it.seqs('ann')).toEqual([2, 4])
    expect(await it.counts('ann')).toEqual([2, 2])
  })

  test('it leaves alone what was read, what has another key or none, and what another source sent', async () => {
    const it = its()
    await it.keep(k('read'), k('key', { collapse: 'K' }), k('none', { collapse: undefined }), k('a', { source: 's' }))
    await it.mark('ann', 'read', 'read')
    await it.keep(k('b'), copyOf('bob', 'b', '1', { collapse: 'k' }))
    expect(await it.seqs('ann')).toEqual([1, 2, 3, 4, 5])
    await it.keep(k('c', { source: 's' }))
    expect(await it.seqs('ann')).toEqual([1, 2, 3, 5, 6])
  })

  test('a source and a key that read alike joined are not the same', async () => {
    const it = its()
    await it.keep(k('1', { source: 'a:b', collapse: 'c' }), k('2', { source: 'a', collapse: 'b:c' }))
    await it.keep(k('3', { source: '', collapse: 'a:b:c' }))
    expect(await it.seqs('ann')).toEqual([1, 2, 3])
  })

  test('of several that are unread, because somebody marked an older one so, it replaces all', async () => {
    const it = its()
    await it.keep(k('a'))
    await it.mark('ann', 'read', 'a')
    await it.keep(k('b'))
    await it.mark('ann', 'unread', 'a')
    await it.keep(k('c'))
    expect(await it.seqs('ann')).toEqual([3])
  })

  test('it replaces an older one also when the newest of its key was deleted', async () => {
    const it = its()
    await it.keep(k('a'))
    await it.mark('ann', 'read', 'a')
    await it.keep(k('b'))
    await it.mark('ann', 'unread', 'a')
    await it.mark('ann', 'delete', 'b')
    await it.keep(k('c'))
    expect(await it.seqs('ann')).toEqual([3])
  })

  test('a duplicate and a conflict replace nothing', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a', '1'), k('b'))
    await it.keep(k('a'), k('a', { body: json('2') }), k('b'))
    expect(await it.seqs('ann')).toEqual([1, 2])
  })

  test('replacing in a full inbox trims nothing', async () => {
    const it = its()
    await it.fill('ann', BOUNDS.keep - 1)
    await it.keep(k('a'), k('b'))
    const seqs = await it.seqs('ann')
    expect(seqs).toHaveLength(BOUNDS.keep)
    expect([seqs[0], seqs.at(-1)]).toEqual([1, BOUNDS.keep + 1])
    expect((await it.resume('ann', 0)).mode).not.toBe('snapshot')
  })
}
