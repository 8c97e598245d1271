import { type KeyValueStorage, Places } from '../../../client/places.ts'
import { Remembered } from '../../../client/remembered.ts'
import type { Hello, Item } from '../../../client/wire.ts'
import { tabStorage } from '../../support/tabStorage.ts'

const URL = 'https://notify.example.org'
const AT = 1_763_750_000_000

/** A tab that was just loaded. */
const tabWith = (storage: KeyValueStorage | null) => new Remembered(new Places(URL, storage))

/** Stored `seq` milliseconds after the beginning, unless it says when. */
const kept = (seq: number, epoch = 'e1', id = `n-${seq}`, at = AT + seq) => ({
  id,
  type: 'notification',
  at,
  epoch,
  seq,
})
const live = (id: string) => ({ id, type: 'notification', at: AT })

function hello(mode: Hello['mode'], seq: number, rest: { user?: string; epoch?: string; items?: Item[] } = {}): Hello {
  const { user = '42', epoch = 'e1', items } = rest
  const counts = { unread: 0, unseen: 0, rev: AT + seq }
  const greeting = { user: { id: user }, mode, position: { epoch, seq }, counts }
  return items === undefined ? greeting : { ...greeting, items }
}

function item(seq: number, id = `n-${seq}`, at = AT + seq): Item {
  return { body: `body of ${id}`, id, type: 'notification', at, seq, read: false, seen: false, archived: false }
}

const ids = (items: readonly Item[]) => items.map(({ id }) => id)

/** A tab of user 42 that was greeted at 0 and has shown 1, 2, … up to `seq`. */
function tabAt(seq: number, storage: KeyValueStorage | null = null): Remembered {
  const tab = tabWith(storage)
  tab.greeted(hello('fresh', 0))
  for (let n = 1; n <= seq; n++) tab.isNew(kept(n))
  tab.save()
  return tab
}

describe('an id', () => {
  test('is new once, live or kept, also after the same user was greeted again', () => {
    const tab = tabAt(0)
    expect([tab.isNew(live('a')), tab.isNew(live('a'))]).toEqual([true, false])
    expect([tab.isNew(kept(1)), tab.isNew(kept(1)), tab.isNew(kept(2, 'e1', 'n-1'))]).toEqual([true, false, false])
    tab.greeted(hello('resumed', 2))
    expect([tab.isNew(live('a')), tab.isNew(kept(2)), tab.isNew(kept(3))]).toEqual([false, false, true])
  })

  test("of another user's notification may be the same", () => {
    const tab = tabAt(1)
    tab.greeted(hello('snapshot', 1, { user: '43', epoch: 'of 43' }))
    expect(tab.isNew(kept(2, 'of 43', 'n-1'))).toBe(true)
  })

  test('is forgotten after a thousand others', () => {
    const tab = tabAt(0)
    for (let n = 0; n < 1_000; n++) tab.isNew(live(`l-${n}`))
    expect(tab.isNew(live('l-0'))).toBe(false)
    tab.isNew(live('one more'))
    expect([tab.isNew(live('l-999')), tab.isNew(live('l-1'))]).toEqual([false, false])
    expect(tab.isNew(live('l-0'))).toBe(true)
  })
})

describe('the place in the inbox', () => {
  test('is where the gateway greeted us, then that of the last kept notification; live ones do not move it', () => {
    const tab = tabWith(null)
    expect([tab.since, tab.position]).toEqual([undefined, undefined])
    tab.greeted(hello('fresh', 7))
    expect(tab.since).toEqual({ epoch: 'e1', seq: 7 })
    tab.isNew(kept(9))
    tab.isNew(live('a'))
    expect([tab.since, tab.position]).toEqual([
      { epoch: 'e1', seq: 9 },
      { epoch: 'e1', seq: 9 },
    ])
  })

  test('is found again after a reload, and so are the ids that were shown', () => {
    const storage = tabStorage()
    tabAt(3, storage)
    const reloaded = tabWith(storage)
    expect([reloaded.since, reloaded.position]).toEqual([{ epoch: 'e1', seq: 3 }, undefined])
    reloaded.greeted(hello('resumed', 3))
    // A sender that was not sure sends again, and the store has forgotten that it knew.
    expect([reloaded.isNew(kept(4, 'e1', 'n-2')), reloaded.isNew(kept(5))]).toEqual([false, true])
  })

  test('is saved after it was shown, and not before', () => {
    const storage = tabStorage()
    const tab = tabAt(3, storage)
    tab.isNew(kept(4))
    expect(tabWith(storage).since).toMatchObject({ seq: 3 })
    tab.save()
    expect(tabWith(storage).since).toMatchObject({ seq: 4 })
  })

  test('takes bounded room: the last hundred ids of the last five users', () => {
    const storage = tabStorage()
    for (let n = 0; n < 7; n++) {
      const tab = tabWith(storage)
      tab.greeted(hello('fresh', 0, { user: `user ${n}` }))
      for (let seq = 1; seq <= 150; seq++) tab.isNew(kept(seq))
      tab.save()
    }
    const places = JSON.parse([...storage.texts.values()].join())
    expect(places.map(({ user }: { user: string }) => user)).toEqual(['user 6', 'user 5', 'user 4', 'user 3', 'user 2'])
    expect(places[0].ids).toEqual(Array.from({ length: 100 }, (_, n) => `n-${n + 51}`))
  })

  test("of another user of this device comes back with them, and nobody's is used for somebody else", () => {
    const storage = tabStorage()
    tabAt(3, storage)
    const tab = tabWith(storage)
    const theirs = [item(1), item(2)]
    expect(tab.greeted(hello('snapshot', 2, { user: '43', epoch: 'of 43', items: theirs }))).toEqual([])
    tab.save()
    expect(tabWith(storage).since).toEqual({ epoch: 'of 43', seq: 2 })
    const back = tabWith(storage)
    expect(ids(back.greeted(hello('snapshot', 5, { items: [item(2), item(3), item(4), item(5)] })))).toEqual([
      'n-4',
      'n-5',
    ])
  })
})

describe('of a snapshot', () => {
  const page = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => item(from + n))

  test('what came after our place is told, in order and once', () => {
    const tab = tabAt(10)
    expect(ids(tab.greeted(hello('snapshot', 100, { items: page(51, 100) })))).toEqual(ids(page(51, 100)))
    expect(ids(tab.greeted(hello('snapshot', 101, { items: page(52, 101) })))).toEqual(['n-101'])
    expect([tab.isNew(kept(100)), tab.isNew(kept(102))]).toEqual([false, true])
  })

  test('what stood there before this device came is no news, also under a new epoch', () => {
    const tab = tabWith(null)
    expect(tab.greeted(hello('snapshot', 60, { items: page(11, 60) }))).toEqual([])
    expect(ids(tab.greeted(hello('snapshot', 61, { epoch: 'e2', items: page(12, 61) })))).toEqual(['n-61'])
  })

  test('nothing is told twice when a store has lost its end, and what it was given since is told', () => {
    const tab = tabAt(10)
    // 9 and 10 are gone; 9 was sent again, and something else has taken the seq 10.
    const items = [...page(1, 8), item(9, 'n-9', AT + 5_000), item(10, 'new', AT + 6_000)]
    expect(ids(tab.greeted(hello('snapshot', 10, { epoch: 'e2', items })))).toEqual(['new'])
    expect(tab.since).toEqual({ epoch: 'e2', seq: 10 })
  })

  test('everything is told that a store was given after it was wiped', () => {
    const tab = tabAt(10)
    const items = [item(1, 'x', AT + 5_000), item(2, 'n-10', AT + 6_000), item(3, 'y', AT + 7_000)]
    expect(ids(tab.greeted(hello('snapshot', 3, { epoch: 'e2', items })))).toEqual(['x', 'y'])
  })
})

describe('tabs of one browser', () => {
  const sessionStorages = { one: tabStorage(), other: tabStorage(), anew: tabStorage() }
  const localStorage = tabStorage()
  const open = (tab: keyof typeof sessionStorages) => {
    Object.assign(globalThis, { window: { localStorage, sessionStorage: sessionStorages[tab] } })
    return new Remembered(new Places(URL, undefined))
  }
  afterAll(() => void Reflect.deleteProperty(globalThis, 'window'))

  test('each shows everything itself, also after a reload; one that is opened anew begins where the furthest is', () => {
    const [one, other] = [open('one'), open('other')]
    for (const tab of [one, other]) {
      tab.greeted(hello('fresh', 4))
      tab.save()
    }
    for (const seq of [5, 6, 7]) other.isNew(kept(seq))
    other.save()
    expect(one.since).toMatchObject({ seq: 4 })
    expect([open('one').since, open('other').since, open('anew').since]).toEqual(
      [4, 7, 7].map((seq) => ({ epoch: 'e1', seq })),
    )
  })

  test('the one that is behind does not set the device back', () => {
    const one = open('one')
    one.greeted(hello('resumed', 4))
    one.isNew(kept(5))
    one.save()
    expect([open('one').since, open('anew').since]).toEqual([5, 7].map((seq) => ({ epoch: 'e1', seq })))
    one.greeted(hello('snapshot', 2, { epoch: 'e2' }))
    one.save()
    expect(open('anew').since).toEqual({ epoch: 'e2', seq: 2 })
  })
})

describe('a storage', () => {
  const broken = {
    getItem: () => {
      throw new Error('denied')
    },
    setItem: () => {
      throw new Error('full')
    },
  }
  const with_ = (text: string): KeyValueStorage => ({ getItem: () => text, setItem: () => {} })
  const place = { user: '42', epoch: 'e1', seq: 3, at: AT, ids: [] }

  test('that throws is as none', () => {
    expect(tabAt(3, broken).since).toMatchObject({ seq: 3 })
    expect(tabWith(broken).since).toBeUndefined()
  })

  test('that holds something of ours is read', () => {
    expect(tabWith(with_(JSON.stringify([place]))).since).toEqual({ epoch: 'e1', seq: 3 })
  })

  test.each([
    'not JSON',
    'null',
    '7',
    '{}',
    '[null, 7, "x"]',
    JSON.stringify([{ ...place, user: 42 }]),
    JSON.stringify([{ ...place, epoch: null }]),
    JSON.stringify([{ ...place, seq: -1 }]),
    JSON.stringify([{ ...place, seq: 1.5 }]),
    JSON.stringify([{ ...place, at: '7' }]),
    JSON.stringify([{ ...place, ids: [7] }]),
    JSON.stringify([{ user: '42', epoch: 'e1', seq: 3 }]),
  ])('that holds %s is as none', (text) => {
    expect(tabWith(with_(text)).since).toBeUndefined()
  })
})
