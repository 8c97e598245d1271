import type { Life } from '../../../src/core/inbox.ts'
import { until } from '../../support/until.ts'
import { type Benches, BOUNDS, byUser, copyOf, DAY_MS } from './bench.ts'

export function living({ its }: Benches): void {
  test('a life begins with when it was taken and when it was stored; nobody knows an unknown id', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'other'), copyOf('ann', 'o-17', '1', { source: 'orders', acceptedAt: 1_234 }))
    const { position } = await it.state('ann')
    const stored = (await it.items('ann'))[1]?.at
    expect(await it.inbox.lives('orders:o-17')).toEqual([
      { user: 'ann', position, accepted: 1_234, stored, sent: null, seen: null, read: null, gone: null },
    ])
    for (const id of ['o-17', 'orders', 'orders:o-1', ':o-17', '', '__proto__'])
      expect(await it.inbox.lives(id)).toEqual([])
  })

  test('every user has a life of their own', async () => {
    const it = its()
    const users = ['ann', 'bob', 'cid']
    await it.keep(...users.map((user) => copyOf(user, 'a', '1')), copyOf('dan', 'b'))
    await it.keep(copyOf('ann', 'a', '1', { acceptedAt: 1 }), copyOf('eve', 'a', '2'))
    await it.mark('bob', 'read', 'a')
    await it.mark('cid', 'delete', 'a')
    const lives = byUser(await it.inbox.lives('a'))
    expect(lives.map(({ user, read, gone }) => [user, read !== null, gone?.why])).toEqual([
      ['ann', false, undefined],
      ['bob', true, undefined],
      ['cid', false, 'deleted'],
      ['eve', false, undefined],
    ])
    expect(lives[0]?.accepted).not.toBe(1)
    expect(lives[3]?.position).toEqual((await it.state('eve')).position)
  })

  test('ids that begin alike are told apart, whatever ids and users are made of', async () => {
    const it = its()
    const odd = [
      ['a', 'bc'],
      ['ab', 'c'],
      ['a', '\u0000{}'],
      ['a\u0000', '{}'],
      ['1:a', 'b'],
      ['é😀', '😀é'],
      ['a', '\u{10ffff}'],
    ] as const
    await it.keep(...odd.map(([id, user]) => copyOf(user, id)))
    for (const id of new Set(odd.map(([id]) => id))) {
      const users = odd.filter(([other]) => other === id).map(([, user]) => user)
      expect((await it.inbox.lives(id)).map(({ user }) => user).sort()).toEqual(users.sort())
    }
  })

  test('it tells to how many devices it was written in all, and when first', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a'), copyOf('ann', 'b'))
    const sent = async (id: string) => (await it.inbox.lives(id))[0]?.sent ?? null
    it.inbox.noteSent('ann', 1, 2)
    await until('it is noted', async () => (await sent('a')) !== null)
    const first = await sent('a')
    const { now } = await it.state('ann')
    expect(first).toEqual({ devices: 2, at: first?.at })
    expect(first?.at).toBeLessThanOrEqual(now)
    await it.pass(5)
    it.inbox.noteSent('ann', 1, 1)
    it.inbox.noteSent('ann', 7, 1)
    it.inbox.noteSent('nobody', 1, 1)
    await until('it is noted', async () => (await sent('a'))?.devices === 3)
    expect(await sent('a')).toEqual({ devices: 3, at: first?.at })
    expect(await sent('b')).toBeNull()
    expect(await it.inbox.states(['nobody'])).toEqual([null])
  })

  test('it tells when it was first seen and read, and what is taken back did happen', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a'))
    const times: (readonly [number | null, number | null])[] = []
    const took: number[] = []
    for (const op of ['seen', 'read', 'unread', 'read'] as const) {
      await it.pass(2)
      took.push((await it.state('ann')).now)
      await it.mark('ann', op, 'a')
      const [life] = await it.inbox.lives('a')
      times.push([life?.seen ?? null, life?.read ?? null])
    }
    const [[seen] = [null], [, read] = [null, null]] = times
    expect(times).toEqual([
      [seen, null],
      [seen, read],
      [seen, read],
      [seen, read],
    ])
    expect(seen).toBeGreaterThanOrEqual(took[0] ?? Number.NaN)
    expect(read).toBeGreaterThanOrEqual(took[1] ?? Number.NaN)
    expect(read).toBeLessThanOrEqual(took[2] ?? Number.NaN)
    await it.keep(copyOf('ann', 'b'))
    await it.mark('ann', 'read', 'b')
    const [life] = await it.inbox.lives('b')
    expect(life?.seen).toBe(life?.read)
    expect(life?.seen).not.toBeNull()
  })

  test('it tells why and when it left the inbox, and stays known', async () => {
    const it = its()
    const k = { collapse: 'k' }
    await it.keep(copyOf('ann', 'trimmed'), copyOf('ann', 'replaced', '1', k), copyOf('ann', 'replacing', '1', k))
    await it.keep(copyOf('ann', 'deleted'), copyOf('ann', 'expired', '1', { ttlMs: 50 }))
    await it.mark('ann', 'read', 'deleted')
    await it.mark('ann', 'delete', 'deleted')
    await it.fill('ann', BOUNDS.keep - 2)
    await it.pass(50)
    const { now } = await it.inbox.open('ann', null)
    await it.keep(copyOf('ann', 'last'))
    const gone = async (id: string): Promise<Life['gone'] | undefined> => (await it.inbox.lives(id))[0]?.gone
    for (const why of ['deleted', 'replaced', 'expired', 'trimmed'] as const) {
      const [life] = await it.inbox.lives(why)
      expect(life?.gone).toEqual({ why, at: life?.gone?.at })
      expect(life?.gone?.at).toBeGreaterThanOrEqual(life?.stored ?? Number.NaN)
      if (why !== 'trimmed') expect(life?.gone?.at).toBeLessThanOrEqual(now)
    }
    expect(await gone('replacing')).toBeNull()
    expect((await it.inbox.lives('deleted'))[0]?.read).not.toBeNull()
  })

  test('it says that it has expired as soon as it has, though nobody looked into the inbox', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a', '1', { ttlMs: 20 }), copyOf('bob', 'a', '1'))
    await it.pass(20)
    const [ann, bob] = byUser(await it.inbox.lives('a'))
    expect(ann?.gone?.why).toBe('expired')
    expect(ann?.gone?.at).toBeGreaterThanOrEqual((ann?.stored ?? Number.NaN) + 20)
    expect(bob?.gone).toBeNull()
  })

  test('it was still written to devices when that is noted after it left', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a'))
    await it.mark('ann', 'delete', 'a')
    it.inbox.noteSent('ann', 1, 3)
    await until('it is noted', async () => (await it.inbox.lives('a'))[0]?.sent?.devices === 3)
  })

  test('of an id that more than 1,000 users got, 1,000 lives are told', async () => {
    const it = its()
    await it.keep(...Array.from({ length: 1_100 }, (_, i) => copyOf(`u${i}`, 'a', '1')))
    const lives = await it.inbox.lives('a')
    expect(new Set(lives.map(({ user }) => user)).size).toBe(1_000)
    expect(await it.keep(copyOf('u0', 'a', '1'), copyOf('u1099', 'a', '1'), copyOf('u1099', 'a', '2'))).toEqual([
      1,
      1,
      'conflict',
    ])
  })
}

/** What takes days, for stores whose clock can be wound. */
export function overDays({ its, other }: Benches): void {
  test('an id is known for 24 hours at least, also when its notification stood for a moment only', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a', '1', { ttlMs: 1 }), copyOf('ann', 'b', '1'))
    await it.mark('ann', 'delete', 'b')
    // A clock that is wound may go by itself too.
    await it.pass(DAY_MS - 60_000)
    expect(await it.keep(copyOf('ann', 'a', '1'), copyOf('ann', 'b', '1'))).toEqual([1, 2])
    expect(await it.keep(copyOf('ann', 'a', '2'), copyOf('ann', 'b', '2'))).toEqual(['conflict', 'conflict'])
    expect((await it.inbox.lives('a'))[0]?.gone?.why).toBe('expired')
  })

  test('an id is known as long as its notification stands, then forgotten, together with its life', async () => {
    const it = await other({ ...BOUNDS, days: 30 })
    await it.keep(copyOf('ann', 'a', '1'), copyOf('ann', 'b', '1'), copyOf('bob', 'a', '1'))
    await it.mark('ann', 'delete', 'b')
    await it.pass(29 * DAY_MS)
    expect(await it.keep(copyOf('ann', 'a', '1'), copyOf('ann', 'a', '2'))).toEqual([1, 'conflict'])
    expect(await it.inbox.lives('b')).toEqual([])
    expect(await it.keep(copyOf('ann', 'b', '2'))).toEqual([3])
    await it.pass(3 * DAY_MS)
    expect(await it.inbox.lives('a')).toEqual([])
    expect(await it.keep(copyOf('ann', 'a', '2'))).toEqual([4])
    expect(await it.inbox.lives('a')).toMatchObject([{ user: 'ann', position: { seq: 4 } }])
  })

  test('an id is known to the last day of the longest ttl', async () => {
    const it = its()
    await it.keep(copyOf('ann', 'a', '1', { ttlMs: 365 * DAY_MS }))
    await it.pass(364.9 * DAY_MS)
    expect(await it.inbox.lives('a')).toMatchObject([{ user: 'ann', gone: null }])
  })

  test('of two that read alike as `source:id` the one that stands stays known when the other is forgotten', async () => {
    const it = await other({ ...BOUNDS, days: 30 })
    const [gone, stands] = [copyOf('ann', 'c', '1', { source: 'a:b' }), copyOf('ann', 'b:c', '2', { source: 'a' })]
    await it.keep(copyOf('ann', 'a:b:c', '0'), gone)
    await it.mark('ann', 'delete', 'a:b:c')
    await it.keep(stands)
    await it.pass(3 * DAY_MS)
    expect(await it.inbox.lives('a:b:c')).toMatchObject([{ position: { seq: 3 }, gone: null }])
    expect(await it.keep(stands, gone)).toEqual([3, 4])
  })

  test('after a year without anybody no seq is given again under the same epoch, and the rev is higher', async () => {
    const it = its()
    await it.fill('ann', 3)
    const before = await it.state('ann')
    await it.pass(366 * DAY_MS)
    const { items, counts, due, position } = await it.inbox.open('ann', before.position)
    expect({ items, due, unread: counts.unread }).toEqual({ items: [], due: undefined, unread: 0 })
    expect(counts.rev).toBeGreaterThan(before.counts.rev)
    expect(position.seq).toBe(position.epoch === before.position.epoch ? 3 : 0)
  })
}
