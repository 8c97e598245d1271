import { GatewayError } from '../../../src/core/errors.ts'
import { type Change, type Flags, MARK_OPS, type MarkOp } from '../../../src/core/inbox.ts'
import { type Benches, copyOf, flagsOf, NEW } from './bench.ts'

/** What each does to an item; undefined: it is gone. */
export const AFTER: Readonly<Record<MarkOp, (flags: Flags) => Flags | undefined>> = {
  read: (flags) => ({ ...flags, read: true, seen: true }),
  unread: (flags) => ({ ...flags, read: false }),
  seen: (flags) => ({ ...flags, seen: true }),
  archive: (flags) => ({ ...flags, archived: true }),
  unarchive: (flags) => ({ ...flags, archived: false }),
  delete: () => undefined,
}
/** By which marks an item comes into each state that there is. */
const WAYS: readonly (readonly MarkOp[])[] = [
  [],
  ['seen'],
  ['read'],
  ['archive'],
  ['seen', 'archive'],
  ['read', 'archive'],
]

export function marking({ its }: Benches): void {
  test.each(MARK_OPS)('%s does what it says to items in any state, and nothing when it is said again', async (op) => {
    const it = its()
    await it.under.follow('ann')
    await it.keep(...WAYS.map((_, i) => copyOf('ann', `n${i}`)), copyOf('ann', 'bystander'))
    for (const [i, way] of WAYS.entries()) for (const step of way) await it.mark('ann', step, `n${i}`)
    const before = (await it.items('ann')).map(flagsOf).slice(0, WAYS.length)
    expect(new Set(before.map((flags) => JSON.stringify(flags))).size).toBe(WAYS.length)
    const heard = (await it.ringsOf('ann')).length

    const mark = { op, ids: WAYS.map((_, i) => `n${i}`), upTo: undefined }
    const counts = await it.inbox.mark('ann', mark)
    const after = before.map(AFTER[op])
    const standing = (await it.items('ann')).map(flagsOf)
    expect(standing).toEqual([...after.filter((flags) => flags !== undefined), NEW])
    const active = standing.filter(({ archived }) => !archived)
    expect(counts).toMatchObject({
      unread: active.filter(({ read }) => !read).length,
      unseen: active.filter(({ seen }) => !seen).length,
    })
    expect((await it.state('ann')).counts).toEqual(counts)
    const changes = after.flatMap((flags, i): Change[] => {
      if (flags === undefined) return [{ seq: i + 1, deleted: true }]
      return JSON.stringify(flags) === JSON.stringify(before[i]) ? [] : [{ seq: i + 1, ...flags }]
    })
    const [ring] = (await it.ringsOf('ann')).slice(heard)
    expect(ring).toMatchObject({ counts, item: undefined })
    expect([...(ring?.changes ?? [])].sort((a, b) => a.seq - b.seq)).toEqual(changes)

    expect(await it.inbox.mark('ann', mark)).toEqual(counts)
    expect((await it.state('ann')).counts).toEqual(counts)
    await it.mark('ann', 'delete', 'bystander')
    expect(await it.ringsOf('ann')).toHaveLength(heard + 2)
  })

  test('a mark concerns these ids, and everything up to the position', async () => {
    const it = its()
    await it.fill('ann', 8)
    const { epoch } = (await it.state('ann')).position
    const unread = () => it.seqs('ann', 'unread')
    await it.inbox.mark('ann', { op: 'read', ids: ['n8', 'n8', 'unknown', ''], upTo: undefined })
    expect(await unread()).toEqual([1, 2, 3, 4, 5, 6, 7])
    await it.inbox.mark('ann', { op: 'read', ids: [], upTo: { epoch, seq: 2 } })
    expect(await unread()).toEqual([3, 4, 5, 6, 7])
    await it.inbox.mark('ann', { op: 'read', ids: ['n6', 'n1'], upTo: { epoch, seq: 3 } })
    expect(await unread()).toEqual([4, 5, 7])
    await it.inbox.mark('ann', { op: 'read', ids: [], upTo: { epoch, seq: 0 } })
    await it.inbox.mark('ann', { op: 'read', ids: [], upTo: undefined })
    expect(await unread()).toEqual([4, 5, 7])
    await it.inbox.mark('ann', { op: 'delete', ids: [], upTo: { epoch, seq: 8 } })
    expect(await it.seqs('ann')).toEqual([])
    expect(await it.counts('ann')).toEqual([0, 0])
    await it.inbox.mark('ann', { op: 'delete', ids: ['n1'], upTo: { epoch, seq: 8 } })
  })

  test('a mark reaches what is archived, and nobody else’s', async () => {
    const it = its()
    await it.fill('ann', 2)
    await it.fill('bob', 2)
    await it.mark('ann', 'archive', 'n1')
    const { position } = await it.state('ann')
    await it.inbox.mark('ann', { op: 'seen', ids: [], upTo: position })
    await it.inbox.mark('ann', { op: 'unarchive', ids: [], upTo: position })
    expect(await it.counts('ann')).toEqual([2, 0])
    expect(await it.counts('bob')).toEqual([2, 2])
  })

  test.each([
    ['inbox.epoch', 'another epoch', { epoch: 'elsewhere', seq: 1 }],
    ['inbox.epoch', 'no epoch', { epoch: '', seq: 1 }],
    ['inbox.position', 'the future', { seq: 4 }],
    ['inbox.position', 'far in the future', { seq: 1e300 }],
    ['inbox.position', 'a position below zero', { seq: -1 }],
    ['inbox.position', 'half a position', { seq: 1.5 }],
    ['inbox.position', 'no number', { seq: Number.NaN }],
    ['inbox.position', 'no end', { seq: Number.POSITIVE_INFINITY }],
  ] as const)('%s: a mark up to %s changes nothing, not even what its ids name', async (code, _, position) => {
    const it = its()
    await it.fill('ann', 3)
    const before = await it.state('ann')
    const upTo = { epoch: before.position.epoch, ...position }
    await expect(it.inbox.mark('ann', { op: 'read', ids: ['n1'], upTo })).rejects.toEqual(new GatewayError(code))
    expect((await it.state('ann')).counts).toEqual(before.counts)
    expect(await it.seqs('ann', 'unread')).toEqual([1, 2, 3])
  })

  test('a position of an inbox that is not there is of another epoch', async () => {
    const mark = { op: 'read', ids: [], upTo: { epoch: 'elsewhere', seq: 0 } } as const
    await expect(its().inbox.mark('ann', mark)).rejects.toEqual(new GatewayError('inbox.epoch'))
  })

  test('many marks at once, and notifications between them, are all done', async () => {
    const it = its()
    await it.fill('ann', 20)
    await Promise.all([
      ...Array.from({ length: 20 }, (_, i) => it.mark('ann', i % 2 === 0 ? 'read' : 'archive', `n${i + 1}`)),
      ...Array.from({ length: 10 }, (_, i) => it.keep(copyOf('ann', `m${i}`))),
    ])
    expect(await it.counts('ann')).toEqual([10, 10])
    expect(await it.seqs('ann', 'archived')).toHaveLength(10)
    expect(await it.seqs('ann')).toHaveLength(30)
  })
}
