import type { Counts } from '../../../src/core/inbox.ts'
import { backend, Device } from '../../support/device.ts'
import { type GatewayProcess, startGateway } from '../../support/gatewayProcess.ts'
import { type RedisServer, startRedis } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'

const KEEP = 20

describe.each(['memory', 'redis'] as const)('kept notifications in %s', (store) => {
  let redis: RedisServer | undefined
  let gateway: GatewayProcess
  let api: ReturnType<typeof backend>
  const devices: Device[] = []
  let users = 0
  let user: string

  beforeAll(async () => {
    redis = store === 'redis' ? await startRedis() : undefined
    gateway = await startGateway({
      ...(redis && { redis: { url: redis.url } }),
      inbox: { keep: KEEP },
      limits: { eventsPerSecond: 0 },
    })
    api = backend(gateway.url)
  })
  afterAll(async () => {
    await gateway?.stop()
    await redis?.stop()
  })
  beforeEach(() => {
    user = `user ${++users}`
  })
  afterEach(() => {
    for (const device of devices.splice(0)) device.leave()
  })

  function arrive(since?: unknown, who = user): Device {
    const device = new Device(gateway.url, who, since)
    devices.push(device)
    return device
  }
  const hasHeard = (device: Device, many: number) => until(`it has heard ${many}`, () => device.heard.length >= many)

  test('every device hears what was stored, where it stands, and then the badge', async () => {
    const [a, b] = await Promise.all([arrive().greeted(), arrive().greeted()])
    const reply = await api.notify(user, { text: 'hi' }, { id: 'o-1', source: 'orders', type: 'order.shipped' })
    expect(reply).toMatchObject({ status: 202, ok: true, id: 'o-1', duplicate: false })
    const position = reply.positions[user]
    expect(position).toEqual({ epoch: a.hellos[0]?.position.epoch, seq: 1 })
    for (const device of [a, b]) {
      await until('it has the badge', () => device.counts?.unread === 1)
      expect(device.bodies).toEqual([{ text: 'hi' }])
      const at = expect.any(Number)
      expect(device.heard[0]?.meta).toEqual({ id: 'orders:o-1', type: 'order.shipped', at, ...position })
      expect(device.reports).toEqual([{ epoch: position?.epoch, rev: at, counts: device.counts, changes: [] }])
      expect(device.counts).toEqual({ unread: 1, unseen: 1, rev: at })
    }
  })

  test('sent again it is a duplicate, and shown to nobody; another body is refused', async () => {
    const device = await arrive().greeted()
    const first = await api.notify(user, 'one', { id: 'same' })
    const again = await api.notify(user, 'one', { id: 'same' })
    expect(again).toMatchObject({ status: 200, ok: true, duplicate: true, positions: first.positions })
    const other = await api.notify([user, `${user}b`], 'two', { id: 'same' })
    expect(other).toMatchObject({ status: 409, ok: false, error: { code: 'draft.idConflict', retry: false } })
    expect(other.error?.recipients).toEqual([user])
    expect(await api.counts(`${user}b`)).toMatchObject({ unread: 1 })
    await api.notify(user, 'end')
    await until('it heard the end', () => device.bodies.includes('end'))
    expect(device.bodies).toEqual(['one', 'end'])
  })

  test('who was away gets exactly what was missed, in order, once, and then what is live', async () => {
    const device = await arrive().greeted()
    await api.notify(user, 0)
    await hasHeard(device, 1)
    device.leave()
    for (let i = 1; i <= 5; i++) await api.notify(user, i)
    await api.notify(user, 'nobody hears it', { keep: false })
    const since = device.position
    device.back()
    await hasHeard(device, 6)
    await api.notify(user, 'live', { keep: false })
    await api.notify(user, 6)
    await hasHeard(device, 8)
    expect(device.bodies).toEqual([0, 1, 2, 3, 4, 5, 'live', 6])
    expect(device.hellos[1]).toMatchObject({ mode: 'resumed', position: since, counts: { unread: 6, unseen: 6 } })
    expect(device.heard.slice(1, 6).map(({ meta }) => meta.seq)).toEqual([2, 3, 4, 5, 6])
  })

  test('who never received anything resumes, too', async () => {
    const device = await arrive().greeted()
    expect(device.hellos[0]).toMatchObject({ mode: 'fresh', position: { seq: 0 }, counts: { unread: 0, unseen: 0 } })
    device.leave()
    await api.notify(user, 'first')
    device.back()
    await hasHeard(device, 1)
    expect(device.hellos[1]?.mode).toBe('resumed')
  })

  test('a wire that is cut while notifications arrive loses none and shows none twice', async () => {
    const device = await arrive().greeted()
    for (let i = 0; i < KEEP; i++) {
      if (i % 4 === 0) device.drop()
      await api.notify(user, i)
    }
    await hasHeard(device, KEEP)
    expect(device.bodies).toEqual(Array.from({ length: KEEP }, (_, i) => i))
    await until('the badge is right', () => device.counts?.unread === KEEP)
  })

  test.each([
    ['of another epoch', () => ({ epoch: 'another', seq: 1 })],
    ['from the future', (epoch: string) => ({ epoch, seq: 999 })],
    ['from a future that no inbox will see', (epoch: string) => ({ epoch, seq: 2 ** 53 })],
    ['older than what the inbox holds', (epoch: string) => ({ epoch, seq: 0 })],
  ])('a position %s gives a snapshot, never a silent hole', async (_, since) => {
    const first = await arrive().greeted()
    for (let i = 1; i <= KEEP + 2; i++) await api.notify(user, i)
    const epoch = first.hellos[0]?.position.epoch ?? ''
    const device = await arrive(since(epoch)).greeted()
    const [hello] = device.hellos
    expect(hello).toMatchObject({ mode: 'snapshot', position: { epoch, seq: KEEP + 2 } })
    expect(hello?.items?.map(({ body }) => body)).toEqual(Array.from({ length: KEEP }, (_, i) => i + 3))
    expect(hello?.items?.[0]).toMatchObject({ seq: 3, read: false, seen: false, archived: false })
    await api.notify(user, 'next')
    await hasHeard(device, 1)
    expect(device.bodies).toEqual(['next'])
  })

  test.each([
    ['a text', 'yesterday'],
    ['negative', { epoch: 'e', seq: -1 }],
    ['half a number', { epoch: 'e', seq: 1.5 }],
    ['without an epoch', { seq: 1 }],
  ])('a position that is %s is refused with its code', async (_, since) => {
    const device = arrive(since)
    await until('it is refused', () => device.refusals.length > 0)
    expect(device.refusals).toEqual([
      { code: 'inbox.position', message: expect.any(String), retry: false } as unknown as Device['refusals'][number],
    ])
  })

  test('what is read on one device is read on all', async () => {
    const [phone, tab] = await Promise.all([arrive().greeted(), arrive().greeted()])
    for (const id of ['a', 'b', 'c']) await api.notify(user, id, { id })
    await hasHeard(tab, 3)
    await hasHeard(phone, 3)
    const answer = await phone.mark('read', { ids: ['b', 'unknown'] })
    expect(answer).toMatchObject({ ok: true, counts: { unread: 2, unseen: 2 } })
    for (const device of [phone, tab]) {
      await until('the badge is right', () => device.counts?.unread === 2)
      expect(device.changes).toEqual([{ seq: 2, read: true, seen: true, archived: false }])
    }
    expect(await tab.mark('seen', { upTo: tab.position })).toMatchObject({ counts: { unread: 2, unseen: 0 } })
    expect(await tab.mark('archive', { ids: ['a'] })).toMatchObject({ counts: { unread: 1, unseen: 0 } })
    expect(await tab.mark('delete', { ids: ['c'] })).toMatchObject({ counts: { unread: 0, unseen: 0 } })
    const page = await phone.list()
    expect(page.items?.map(({ id, read, seen, archived }) => [id, read, seen, archived])).toEqual([
      ['b', true, true, false],
      ['a', false, true, true],
    ])
    expect((await phone.list({ filter: 'archived' })).items?.map(({ body }) => body)).toEqual(['a'])
    const late = await arrive({ epoch: tab.position?.epoch, seq: 0 }).greeted()
    await hasHeard(late, 2)
    expect(late.heard.map(({ meta: { id, read, seen, archived } }) => [id, read, seen, archived])).toEqual([
      ['a', undefined, true, true],
      ['b', true, true, undefined],
    ])
  })

  test.each([
    ['inbox:mark', { op: 'like', ids: ['a'] }, 'event.invalid'],
    ['inbox:mark', { op: 'read' }, 'event.invalid'],
    ['inbox:mark', { op: 'read', ids: 'a' }, 'event.invalid'],
    ['inbox:mark', { op: 'read', upTo: { epoch: 'another', seq: 0 } }, 'inbox.epoch'],
    ['inbox:mark', { op: 'read', upTo: { epoch: 'another', seq: -1 } }, 'inbox.position'],
    ['inbox:list', { limit: 101 }, 'event.invalid'],
    ['inbox:list', { before: 'x' }, 'event.invalid'],
    ['inbox:list', [], 'event.invalid'],
  ])('%s with %j is refused: %s', async (event, payload, code) => {
    const device = await arrive().greeted()
    expect(await device.ask(event, payload)).toMatchObject({ ok: false, error: { code, retry: false } })
  })

  test('what expires is gone from every badge by itself, from the list, and from what is resumed', async () => {
    const device = await arrive().greeted()
    const before = device.position
    await api.notify(user, 'short', { ttl: 1 })
    await api.notify(user, 'long', { ttl: 60 })
    await until('both are counted', () => device.counts?.unread === 2)
    expect(device.heard[0]?.meta.expiresAt).toBe((device.heard[0]?.meta.at ?? 0) + 1000)
    await until('one has expired', () => device.counts?.unread === 1)
    expect(device.changes).toEqual([{ seq: 1, deleted: true }])
    expect((await device.list()).items?.map(({ body }) => body)).toEqual(['long'])
    const late = await arrive(before).greeted()
    await hasHeard(late, 1)
    expect([late.hellos[0]?.mode, late.bodies]).toEqual(['resumed', ['long']])
  })

  test('a collapse key replaces the unread one', async () => {
    const device = await arrive().greeted()
    for (const percent of [10, 20, 30]) await api.notify(user, percent, { collapse: 'upload' })
    await until('the badge is right', () => device.counts?.unread === 1 && device.heard.length === 3)
    expect(device.changes).toEqual([
      { seq: 1, deleted: true },
      { seq: 2, deleted: true },
    ])
    expect((await device.list()).items?.map(({ body }) => body)).toEqual([30])
  })

  test('after any mixture of sends, marks, drops and returns five devices show what the store says', async () => {
    const five = await Promise.all(Array.from({ length: 5 }, () => arrive().greeted()))
    // Not at random, but as mixed: the same numbers in each run.
    let n = 42
    const pick = (below: number) => {
      n = (n * 1103515245 + 12345) % 2147483648
      return Math.floor((n / 2147483648) * below)
    }
    let sent = 0
    const ops = ['read', 'unread', 'seen', 'archive', 'unarchive', 'delete'] as const
    for (let i = 0; i < 200; i++) {
      const device = five[pick(5)] as Device
      if (pick(5) === 0) device.drop()
      else if (sent === 0 || pick(3) === 0) await api.notify(user, i, { id: `n-${++sent}` })
      else if (device.socket.connected) {
        const what = pick(8) === 0 ? { upTo: device.position } : { ids: [`n-${1 + pick(sent)}`] }
        const answer = await device.mark(ops[pick(ops.length)] ?? 'read', what).catch(() => undefined)
        expect(answer === undefined || answer.ok || answer.error?.retry).toBe(true)
      }
    }
    const truth = (): Promise<Counts> => api.counts(user)
    const standing = (await five[0]?.list({ limit: 100 }))?.items?.map(({ seq }) => seq) ?? []
    for (const device of five) {
      await until('its badge is the store\u2019s', async () => {
        const { rev, ...counts } = await truth()
        return device.counts?.rev === rev && JSON.stringify(device.counts) === JSON.stringify({ ...counts, rev })
      })
      const seqs = device.heard.map(({ meta }) => meta.seq)
      expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b))
      expect(seqs).toEqual(expect.arrayContaining(standing))
    }
  })

  test('a body comes back byte for byte, in a notification, a page and a snapshot', async () => {
    const device = await arrive().greeted()
    const body = { ü: '\u2028 <b>', n: 1e21, deep: [[[{}]]] }
    await api.notify(user, body)
    await hasHeard(device, 1)
    const late = await arrive({ epoch: 'another', seq: 0 }).greeted()
    expect([device.bodies[0], (await device.list()).items?.[0]?.body, late.hellos[0]?.items?.[0]?.body]).toEqual([
      body,
      body,
      body,
    ])
  })
})
