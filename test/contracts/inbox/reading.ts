import { type Benches, BOUNDS, bodiesOf, bodyOfBytes, copyOf, DAY_MS, flagsOf, NEW, seqsOf } from './bench.ts'

const range = (from: number, to: number) =>
  Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => (from < to ? from + i : from - i))

export function reading(benches: Benches): void {
  opening(benches)
  resuming(benches)
  listing(benches)
  standing(benches)
}

function opening({ its }: Benches): void {
  test('who opens an inbox makes it: empty, fresh, under an epoch of its own', async () => {
    const { inbox } = its()
    expect(await inbox.states(['ann', 'bob'])).toEqual([null, null])
    const ann = await inbox.open('ann', null)
    const { epoch } = ann.position
    expect(ann).toEqual({
      mode: 'fresh',
      position: { epoch, seq: 0 },
      counts: { unread: 0, unseen: 0, rev: ann.counts.rev },
      due: undefined,
      now: ann.now,
      items: [],
    })
    expect(epoch.length).toBeGreaterThanOrEqual(12)
    expect((await inbox.open('bob', null)).position.epoch).not.toBe(epoch)
    expect(await inbox.open('ann', null)).toMatchObject({ position: ann.position, counts: ann.counts })
  })

  test('who lists or marks an inbox makes it too, and so does what is kept', async () => {
    const it = its()
    const page = await it.inbox.list('ann', { before: undefined, limit: 50, filter: 'all' })
    expect(page).toEqual({ epoch: (await it.state('ann')).position.epoch, items: [], next: undefined })
    const counts = await it.inbox.mark('bob', { op: 'read', ids: ['a'], upTo: undefined })
    expect(counts).toEqual((await it.state('bob')).counts)
    const [kept] = await it.inbox.keep([copyOf('cid', 'a')])
    expect(kept).toMatchObject({ position: (await it.inbox.open('cid', null)).position })
  })

  test('who names no position gets no items, however many there are', async () => {
    const it = its()
    await it.fill('ann', 3)
    const { mode, items, position, counts } = await it.inbox.open('ann', null)
    expect({ mode, items, seq: position.seq }).toEqual({ mode: 'fresh', items: [], seq: 3 })
    expect(counts).toMatchObject({ unread: 3, unseen: 3 })
  })

  test('a snapshot is the newest 50, oldest first, archived ones included', async () => {
    const it = its()
    await it.fill('ann', 55)
    await it.mark('ann', 'archive', 'n54')
    await it.mark('ann', 'read', 'n55')
    const { mode, items, position } = await it.inbox.open('ann', 'snapshot')
    expect({ mode, seq: position.seq, seqs: seqsOf(items) }).toEqual({ mode: 'snapshot', seq: 55, seqs: range(6, 55) })
    expect(items.slice(-2).map(flagsOf)).toEqual([
      { ...NEW, archived: true },
      { read: true, seen: true, archived: false },
    ])
  })

  test('a snapshot of an empty inbox is one', async () => {
    const { inbox } = its()
    expect(await inbox.open('ann', 'snapshot')).toMatchObject({ mode: 'snapshot', items: [], position: { seq: 0 } })
  })
}

function resuming({ its }: Benches): void {
  test('who comes back gets exactly what was kept after its position, as it is now', async () => {
    const it = its()
    await it.fill('ann', 4)
    await it.mark('ann', 'seen', 'n3')
    await it.mark('ann', 'archive', 'n4')
    for (const seq of [0, 1, 2, 3, 4]) {
      const { mode, items, position } = await it.resume('ann', seq)
      expect({ mode, newest: position.seq, bodies: bodiesOf(items) }).toEqual({
        mode: 'resumed',
        newest: 4,
        bodies: ['1', '2', '3', '4'].slice(seq),
      })
    }
    expect((await it.resume('ann', 1)).items.map(flagsOf)).toEqual([
      NEW,
      { ...NEW, seen: true },
      { ...NEW, archived: true },
    ])
    expect(await it.resume('bob', 0)).toMatchObject({ mode: 'resumed', items: [] })
  })

  test('what was deleted, replaced or has expired leaves holes, and is no reason for a snapshot', async () => {
    const it = its()
    await it.keep(
      copyOf('ann', 'a', '1', { ttlMs: 1 }),
      copyOf('ann', 'b', '2'),
      copyOf('ann', 'c', '3', { collapse: 'k' }),
    )
    await it.keep(copyOf('ann', 'd', '4', { collapse: 'k' }), copyOf('ann', 'e', '5'))
    await it.mark('ann', 'delete', 'b', 'e')
    await it.pass(1)
    for (const seq of range(0, 5)) {
      const { mode, items } = await it.resume('ann', seq)
      expect([mode, seqsOf(items)]).toEqual(['resumed', seq < 4 ? [4] : []])
    }
    expect(await it.keep(copyOf('ann', 'f'))).toEqual([6])
  })

  test('what was trimmed after its position is a reason for a snapshot, what was trimmed before it is none', async () => {
    const it = its()
    await it.fill('ann', BOUNDS.keep)
    expect((await it.resume('ann', 0)).mode).toBe('resumed')
    await it.keep(copyOf('ann', 'a'), copyOf('ann', 'b'))
    for (const [seq, mode] of [
      [0, 'snapshot'],
      [1, 'snapshot'],
      [2, 'resumed'],
      [3, 'resumed'],
    ] as const)
      expect([seq, (await it.resume('ann', seq)).mode]).toEqual([seq, mode])
    const { items } = await it.resume('ann', 1)
    expect(seqsOf(items)).toEqual(range(BOUNDS.keep - 47, BOUNDS.keep + 2))
  })

  test.each([
    ['of another epoch', 'elsewhere', 1],
    ['without an epoch', '', 1],
    ['from the future', undefined, 4],
    ['far from the future', undefined, 1e300],
    ['below zero', undefined, -1],
    ['between two', undefined, 1.5],
    ['that is no number', undefined, Number.NaN],
  ])('a position %s is answered by a snapshot', async (_, other, seq) => {
    const it = its()
    await it.fill('ann', 3)
    const { epoch } = (await it.state('ann')).position
    const { mode, items, position } = await it.inbox.open('ann', { epoch: other ?? epoch, seq })
    expect({ mode, bodies: bodiesOf(items) }).toEqual({ mode: 'snapshot', bodies: ['1', '2', '3'] })
    expect(position).toEqual({ epoch, seq: 3 })
  })

  test('more bytes than the bound are answered by a snapshot that keeps to it', async () => {
    const it = its()
    const { maxResumeBytes } = BOUNDS
    const bytes = [maxResumeBytes / 2, maxResumeBytes / 2 - 100, 100, 1]
    await it.keep(...bytes.map((size, i) => copyOf('ann', `n${i}`, size === 1 ? '1' : bodyOfBytes(size))))
    const told = async (seq: number) => {
      const { mode, items } = await it.resume('ann', seq)
      return [mode, seqsOf(items)]
    }
    expect(await told(0)).toEqual(['snapshot', [2, 3, 4]])
    expect(await told(1)).toEqual(['resumed', [2, 3, 4]])
    await it.mark('ann', 'delete', 'n3')
    expect(await told(0)).toEqual(['resumed', [1, 2, 3]])
    expect(seqsOf((await it.inbox.open('ann', 'snapshot')).items)).toEqual([1, 2, 3])
  })

  test('a snapshot has the newest item, however large', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a'), copyOf('ann', 'b', bodyOfBytes(BOUNDS.maxResumeBytes + 1)))
    expect(await it.resume('ann', 1)).toMatchObject({ mode: 'snapshot', items: [{ seq: 2 }] })
    await it.keep(copyOf('ann', 'c'))
    expect(await it.resume('ann', 0)).toMatchObject({ mode: 'snapshot', items: [{ seq: 3 }] })
    expect((await it.resume('ann', 2)).mode).toBe('resumed')
  })
}

function listing({ its }: Benches): void {
  const all = { before: undefined, filter: 'all' } as const

  test('a list begins with the newest, and goes on with `next` to the oldest', async () => {
    const it = its()
    await it.fill('ann', 5)
    const { epoch } = (await it.state('ann')).position
    const first = await it.inbox.list('ann', { ...all, limit: 2 })
    expect([first.epoch, seqsOf(first.items)]).toEqual([epoch, [5, 4]])
    const second = await it.inbox.list('ann', { ...all, before: first.next, limit: 2 })
    expect(seqsOf(second.items)).toEqual([3, 2])
    const third = await it.inbox.list('ann', { ...all, before: second.next, limit: 2 })
    expect([seqsOf(third.items), third.next]).toEqual([[1], undefined])
  })

  test('there is a `next` only when there is more', async () => {
    const it = its()
    await it.fill('ann', 4)
    await it.mark('ann', 'archive', 'n1', 'n4')
    for (const [filter, limit, more] of [
      ['all', 3, true],
      ['all', 4, false],
      ['all', 5, false],
      ['unread', 1, true],
      ['unread', 2, false],
      ['archived', 1, true],
      ['archived', 2, false],
    ] as const) {
      const { next } = await it.inbox.list('ann', { before: undefined, limit, filter })
      expect([filter, limit, next !== undefined]).toEqual([filter, limit, more])
    }
  })

  test('`before` need not be there any more, and may be beyond both ends', async () => {
    const it = its()
    await it.fill('ann', 5)
    await it.mark('ann', 'delete', 'n3')
    const before = async (seq: number) => seqsOf((await it.inbox.list('ann', { ...all, before: seq, limit: 2 })).items)
    expect(await before(3)).toEqual([2, 1])
    expect(await before(1_000)).toEqual([5, 4])
    for (const seq of [1, 0, -1]) expect(await before(seq)).toEqual([])
  })

  test('`unread` lists what the counter counts, `archived` what is archived, `all` everything', async () => {
    const it = its()
    await it.fill('ann', 6)
    await it.mark('ann', 'read', 'n1', 'n2')
    await it.mark('ann', 'seen', 'n3')
    await it.mark('ann', 'archive', 'n2', 'n4')
    expect(await it.seqs('ann', 'unread')).toEqual([3, 5, 6])
    expect(await it.seqs('ann', 'archived')).toEqual([2, 4])
    expect(await it.seqs('ann', 'all')).toEqual(range(1, 6))
    expect(await it.counts('ann')).toEqual([3, 2])
    const { items, next } = await it.inbox.list('ann', { before: 6, limit: 1, filter: 'unread' })
    expect(seqsOf(items)).toEqual([5])
    expect(seqsOf((await it.inbox.list('ann', { before: next, limit: 1, filter: 'unread' })).items)).toEqual([3])
  })

  test('a page of large items may be shorter, and misses none', async () => {
    const it = its()
    const body = bodyOfBytes(BOUNDS.maxResumeBytes + 1)
    await it.keep(...range(1, 5).map((i) => copyOf('ann', `n${i}`, body)))
    const { items, next } = await it.inbox.list('ann', { ...all, limit: 100 })
    expect(items.length).toBeGreaterThan(0)
    expect(next === undefined).toBe(items.length === 5)
    expect(await it.seqs('ann')).toEqual(range(1, 5))
  })
}

function standing({ its }: Benches): void {
  test('states are told in the order asked for, null for who has no inbox, and asking makes none', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a'))
    for (let i = 0; i < 2; i++) {
      const [none, ann, again] = await it.inbox.states(['nobody', 'ann', 'ann'])
      expect(none).toBeNull()
      expect(ann).toMatchObject({ position: { seq: 1 }, counts: { unread: 1, unseen: 1 } })
      expect(again).toMatchObject({ position: { seq: 1 } })
    }
    expect(await it.inbox.states([])).toEqual([])
  })

  test('a state is what opening tells, and costs nothing: it expires nothing and raises nothing', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a', '1', { ttlMs: 1 }))
    const before = await it.state('ann')
    await it.pass(1)
    const { now, ...after } = await it.state('ann')
    expect({ ...after, now: before.now }).toEqual(before)
    expect(now).toBeGreaterThan(before.now)
    expect(after.due).toBeLessThanOrEqual(now)
    const { mode, items, now: later, ...opened } = await it.inbox.open('ann', null)
    expect(opened).toMatchObject({ due: undefined, position: after.position, counts: { unread: 0, unseen: 0 } })
    expect(opened.counts.rev).toBeGreaterThan(after.counts.rev)
  })

  test('`due` is when the next item has to go: by its ttl, or by its age', async () => {
    const it = its()
    const byAge = BOUNDS.days * DAY_MS
    const due = async () => (await it.state('ann')).due
    await it.keep(copyOf('ann', 'a', '1'), copyOf('ann', 'b', '1', { ttlMs: byAge * 10 }))
    const [a, b] = await it.items('ann')
    expect(await due()).toBe((a?.at ?? 0) + byAge)
    await it.mark('ann', 'delete', 'a')
    expect(await due()).toBe((b?.at ?? 0) + byAge * 10)
    await it.keep(copyOf('ann', 'c', '1', { ttlMs: 60_000 }), copyOf('ann', 'd', '1', { ttlMs: 30_000 }))
    const [, c, d] = await it.items('ann')
    expect(await due()).toBe(d?.expiresAt)
    await it.mark('ann', 'archive', 'd')
    expect(await due()).toBe(d?.expiresAt)
    await it.mark('ann', 'delete', 'd')
    expect(await due()).toBe(c?.expiresAt)
    await it.mark('ann', 'delete', 'b', 'c')
    expect(await due()).toBeUndefined()
  })

  test('the store says which life of it this is, and calls it the same all the time', async () => {
    const it = its()
    await it.inbox.open('ann', null)
    const generation = it.inbox.generation()
    expect(generation).toMatch(/./)
    await it.keep(copyOf('ann', 'a'))
    expect(it.inbox.generation()).toBe(generation)
  })
}
