import type { Ring } from '../../../src/core/inbox.ts'
import { until } from '../../support/until.ts'
import { type Benches, BOUNDS, copyOf, deletedBy, json, NEW, textOf } from './bench.ts'

export function ringing({ its, other }: Benches): void {
  test('an arrival rings once, with the item as it is listed and how the inbox stands then', async () => {
    const it = its()
    await it.under.follow('ann')
    const opened = await it.inbox.open('ann', null)
    await it.keep(copyOf('ann', 'a', ' {"é":1} ', { source: 's', ttlMs: 60_000, collapse: 'k' }), copyOf('ann', 'b'))
    const rings = await it.ringsOf('ann')
    const items = await it.items('ann')
    const { now, ...state } = await it.state('ann')
    expect(rings).toHaveLength(2)
    expect(rings.map(plain)).toEqual(
      items.map((item, i) => ({
        user: 'ann',
        position: { epoch: opened.position.epoch, seq: i + 1 },
        counts: { unread: i + 1, unseen: i + 1, rev: rings[i]?.counts.rev },
        due: items[0]?.expiresAt,
        before: i === 0 ? opened.counts.rev : rings[0]?.counts.rev,
        item: { ...item, ...NEW, body: textOf(item.body) },
        changes: [],
      })),
    )
    expect(rings[1]).toMatchObject(state)
    expect(now).toBeGreaterThanOrEqual(items[1]?.at ?? Number.NaN)
  })

  test('what was replaced or trimmed is told by the ring of what took its place', async () => {
    const it = its()
    await it.under.follow('ann')
    await it.keep(copyOf('ann', 'a', '1', { collapse: 'k' }), copyOf('ann', 'b', '1', { collapse: 'k' }))
    await it.fill('ann', BOUNDS.keep)
    const rings = await it.ringsOf('ann')
    expect(rings.map(({ item }) => item?.seq)).toEqual(rings.map((_, i) => i + 1))
    expect(rings.map(deletedBy).map((seqs, i) => [i + 1, ...seqs])).toEqual(
      rings.map((_, i) => (i === 1 ? [2, 1] : i === BOUNDS.keep + 1 ? [BOUNDS.keep + 2, 2] : [i + 1])),
    )
    expect(rings.at(-1)?.counts).toMatchObject({ unread: BOUNDS.keep, unseen: BOUNDS.keep })
  })

  test('what has expired is told by the ring of the next thing that happens', async () => {
    const it = its()
    await it.under.follow('ann')
    await it.keep(copyOf('ann', 'a', '1', { ttlMs: 1 }))
    await it.pass(1)
    await it.inbox.open('ann', null)
    const [, expired] = await it.ringsOf('ann')
    expect(expired).toMatchObject({ item: undefined, counts: { unread: 0, unseen: 0 }, due: undefined })
    expect(expired?.changes).toEqual([{ seq: 1, deleted: true }])
    await it.keep(copyOf('ann', 'b', '1', { ttlMs: 1 }))
    await it.pass(1)
    await it.keep(copyOf('ann', 'c'))
    const [, , , arrived] = await it.ringsOf('ann')
    expect(arrived).toMatchObject({ item: { seq: 3 }, changes: [{ seq: 2, deleted: true }], counts: { unread: 1 } })
  })

  test('an inbox that loses its last item to its age tells it too', async () => {
    const it = await other({ ...BOUNDS, days: 20 / 86_400_000 })
    await it.under.follow('ann')
    await it.keep(copyOf('ann', 'a'))
    await it.pass(20)
    expect(await it.seqs('ann')).toEqual([])
    const rings = await it.ringsOf('ann')
    expect(rings.map(deletedBy)).toEqual([[], [1]])
  })

  test('what changes nothing is not rung, and leaves the rev as it was', async () => {
    const it = its()
    await it.under.follow('ann')
    await it.keep(copyOf('ann', 'a', '1'))
    await it.mark('ann', 'read', 'a')
    const { counts, position } = await it.state('ann')
    await it.inbox.keep([copyOf('ann', 'a', '1'), copyOf('ann', 'a', '2')])
    for (const op of ['read', 'seen', 'unarchive'] as const)
      await it.inbox.mark('ann', { op, ids: ['a'], upTo: position })
    await it.mark('ann', 'delete', 'unknown')
    await it.inbox.mark('ann', { op: 'read', ids: [], upTo: { ...position, seq: 2 } }).catch(() => {})
    for (const since of [null, 'snapshot', position, { ...position, epoch: 'x' }] as const)
      await it.inbox.open('ann', since)
    await it.items('ann')
    await it.inbox.lives('a')
    it.inbox.noteSent('ann', 1, 2)
    expect((await it.state('ann')).counts).toEqual(counts)
    await it.mark('ann', 'unread', 'a')
    expect(await it.ringsOf('ann')).toMatchObject([{ item: { seq: 1 } }, {}, { before: counts.rev }])
  })

  test('many changes at once are rung one after the other, each knowing the rev before it', async () => {
    const it = its()
    await it.under.follow('ann')
    const opened = await it.inbox.open('ann', null)
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        await it.keep(copyOf('ann', `n${i}`, '1', i % 3 === 0 ? { collapse: 'k' } : {}), copyOf('bob', `n${i}`))
        if (i % 2 === 0) await it.mark('ann', i % 4 === 0 ? 'delete' : 'read', `n${i}`)
      }),
    )
    const rings = await it.ringsOf('ann')
    expect(rings.flatMap(({ item }) => item?.seq ?? [])).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    expectChain(rings, opened.counts.rev)
    expect(rings.at(-1)).toMatchObject({ counts: (await it.state('ann')).counts })
  })

  test('a rev is never below the clock of the store', async () => {
    const it = its()
    await it.under.follow('ann')
    const { counts, now } = await it.inbox.open('ann', null)
    expect(counts.rev).toBeGreaterThanOrEqual(now)
    await it.pass(20)
    await it.keep(copyOf('ann', 'a'))
    await it.pass(20)
    const later = await it.inbox.open('ann', null)
    await it.mark('ann', 'read', 'a')
    const [arrived, marked] = await it.ringsOf('ann')
    expect(arrived?.counts.rev).toBeGreaterThanOrEqual(arrived?.item?.at ?? Number.NaN)
    expect(marked?.counts.rev).toBeGreaterThanOrEqual(later.now)
  })

  test('everybody who listens hears the same, in the same order, also when one of them changes it meanwhile', async () => {
    const it = its()
    await it.under.follow('ann')
    const marked: Promise<unknown>[] = []
    const late: Ring[] = []
    it.inbox.onRing(({ item }) => {
      if (item !== undefined) marked.push(it.mark('ann', 'read', item.id))
    })
    it.inbox.onRing((ring) => late.push(ring))
    await it.fill('ann', 3)
    await until('all is marked', async () => (await it.counts('ann'))[0] === 0)
    await Promise.all(marked)
    const rings = await it.ringsOf('ann')
    expect(rings).toHaveLength(6)
    await until('the other one heard it too', () => late.length === 6)
    expect(late).toEqual(rings)
    expectChain(rings, rings[0]?.before)
  })

  test('only the followed user’s rings tell of that user', async () => {
    const it = its()
    await it.under.follow('ann')
    await it.keep(copyOf('bob', 'a'), copyOf('ann', 'a', '1', { body: json('[1]') }))
    expect((await it.ringsOf('ann')).map(({ user, item }) => [user, item && textOf(item.body)])).toEqual([
      ['ann', '[1]'],
    ])
  })
}

/** No ring is missing between any two of these. */
export function expectChain(rings: readonly Ring[], first: number | undefined): void {
  expect(rings.map(({ before }) => before)).toEqual([first, ...rings.slice(0, -1).map(({ counts }) => counts.rev)])
  expect(rings.filter(({ before, counts }) => counts.rev <= before)).toEqual([])
}

const plain = (ring: Ring) => ({ ...ring, item: ring.item && { ...ring.item, body: textOf(ring.item.body) } })
