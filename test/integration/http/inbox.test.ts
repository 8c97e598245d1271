import { GatewayError } from '../../../src/core/errors.ts'
import type { Copy } from '../../../src/core/inbox.ts'
import { checkJson } from '../../../src/core/rawJson.ts'
import { systemClock } from '../../../src/memory/clock.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { json, KEY, type RunningApp, runApp } from './runningApp.ts'

const START = 1_763_750_000_000
const clock = fakeClock(START)
let app: RunningApp
beforeEach(async () => {
  app = await runApp({ clock })
})
afterEach(() => app.stop())

/** Big numbers, blanks, escapes: what a parser would not give back. */
const RAW = ' { "n": 12345678901234567890, "x": 1.0, "s": "\\u00e9\u2603" } '

const copy = (id: string, more: Partial<Copy> = {}): Copy => ({
  user: '42',
  source: '',
  id,
  type: 'notification',
  body: checkJson(Buffer.from(`"${id}"`), 1_000),
  ttlMs: undefined,
  collapse: undefined,
  acceptedAt: clock.now(),
  ...more,
})
const mark = (user: string, body: unknown, headers = {}) =>
  fetch(`${app.url}/v1/users/${user}/mark`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  })
const answer = async (response: Response | Promise<Response>) => json(await response)
const get = (path: string) => answer(app.get(path))
const refusal = (code: string, retry = false) => ({ error: { code, message: expect.stringMatching(/\.$/), retry } })

describe('an inbox', () => {
  test('is listed newest first, page by page', async () => {
    for (const id of ['a', 'b', 'c']) await app.inbox.keep([copy(id)])
    const first = await get('/v1/users/42/inbox?limit=2')
    expect(first).toEqual({
      epoch: 'epoch',
      items: [
        { seq: 3, id: 'c', type: 'notification', at: START, body: 'c', read: false, seen: false, archived: false },
        { seq: 2, id: 'b', type: 'notification', at: START, body: 'b', read: false, seen: false, archived: false },
      ],
      next: 2,
    })
    expect(await get('/v1/users/42/inbox?limit=2&before=2')).toMatchObject({ items: [{ seq: 1, id: 'a' }] })
    expect(await get('/v1/users/42/inbox?before=1')).toEqual({ epoch: 'epoch', items: [] })
  })

  test('tells bodies byte for byte, and who may see them is nobody\u2019s cache', async () => {
    const more = { source: 'orders', collapse: 'o', ttlMs: 60_000, body: checkJson(Buffer.from(RAW), 1_000) }
    await app.inbox.keep([copy('a', more)])
    const response = await app.get('/v1/users/42/inbox')
    const text = await response.text()
    expect(text).toContain(`"body":${RAW},`)
    expect(JSON.parse(text)).toMatchObject({ items: [{ id: 'orders:a', expiresAt: START + 60_000, collapse: 'o' }] })
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  test('may be filtered', async () => {
    await app.inbox.keep([copy('a')])
    await app.inbox.keep([copy('b')])
    await app.inbox.mark('42', { op: 'archive', ids: ['a'], upTo: undefined })
    await app.inbox.mark('42', { op: 'read', ids: ['b'], upTo: undefined })
    expect(await get('/v1/users/42/inbox?filter=unread')).toMatchObject({ items: [] })
    expect(await get('/v1/users/42/inbox?filter=archived')).toMatchObject({ items: [{ id: 'a', archived: true }] })
    expect(await get('/v1/users/42/inbox?filter=all')).toMatchObject({ items: [{ id: 'b', read: true }, { id: 'a' }] })
  })

  test('of somebody whose id has a slash, a percent sign and a line break is found', async () => {
    const user = 'a/b%\n|\u2603'
    await app.inbox.keep([copy('a', { user })])
    expect(await get(`/v1/users/${encodeURIComponent(user)}/counts`)).toMatchObject({ unread: 1 })
  })

  test.each([
    ['limit=0'],
    ['limit=101'],
    ['limit=ten'],
    ['limit='],
    ['limit=1e1'],
    ['limit=1&limit=2'],
    ['before=-1'],
    ['before=99999999999999999999'],
    ['filter=read'],
    ['filter=17'],
    ['fliter=unread'],
    ['__proto__=1'],
  ])('asked for with %s is refused', async (query) => {
    const response = await app.get(`/v1/users/42/inbox?${query}`)
    expect(response.status).toBe(400)
    expect(await json(response)).toEqual(refusal('event.invalid'))
  })
})

describe('counts', () => {
  test('are those of what is neither archived nor deleted', async () => {
    for (const id of ['a', 'b', 'c']) await app.inbox.keep([copy(id)])
    await app.inbox.mark('42', { op: 'seen', ids: ['a'], upTo: undefined })
    await app.inbox.mark('42', { op: 'archive', ids: ['b'], upTo: undefined })
    expect(await get('/v1/users/42/counts')).toEqual({ unread: 2, unseen: 1, rev: expect.any(Number) })
  })

  test('of somebody who never got anything are none', async () => {
    expect(await get('/v1/users/nobody/counts')).toEqual({ unread: 0, unseen: 0, rev: clock.now() })
  })

  test('do not count what has expired, whether or not its user is here', async () => {
    await app.inbox.keep([copy('a', { ttlMs: 1_000 }), copy('b')])
    expect(await get('/v1/users/42/counts')).toMatchObject({ unread: 2 })
    clock.advance(1_000)
    expect(await get('/v1/users/42/counts')).toMatchObject({ unread: 1, unseen: 1 })
  })
})

describe('a mark', () => {
  test('by ids and up to a position answers the counts', async () => {
    for (const id of ['a', 'b', 'c']) await app.inbox.keep([copy(id)])
    expect(await answer(mark('42', { op: 'read', ids: ['a', 'unknown'] }))).toEqual({
      counts: { unread: 2, unseen: 2, rev: expect.any(Number) },
    })
    const upTo = { epoch: 'epoch', seq: 2 }
    expect(await answer(mark('42', { op: 'delete', upTo }))).toMatchObject({ counts: { unread: 1 } })
    expect(await get('/v1/users/42/inbox')).toMatchObject({ items: [{ id: 'c' }] })
  })

  test.each<[string, unknown, number, string]>([
    ['without anything', '', 400, 'draft.notJson'],
    ['that is no JSON', '{"op":', 400, 'draft.notJson'],
    ['that is no UTF-8', Buffer.from([0xff]), 400, 'draft.notUtf8'],
    ['nested without end', '['.repeat(100_000), 400, 'draft.tooDeep'],
    ['of an unknown kind', { op: 'explode', ids: ['a'] }, 400, 'event.invalid'],
    ['of nothing', { op: 'read' }, 400, 'event.invalid'],
    ['of 501 ids', { op: 'read', ids: Array(501).fill('a') }, 400, 'event.invalid'],
    ['from the future', { op: 'read', upTo: { epoch: 'epoch', seq: 2 } }, 400, 'inbox.position'],
    ['of a negative position', { op: 'read', upTo: { epoch: 'epoch', seq: -1 } }, 400, 'inbox.position'],
    ['of another epoch', { op: 'read', upTo: { epoch: 'x', seq: 1 } }, 409, 'inbox.epoch'],
    ['of 2 MB', 'x'.repeat(2_000_000), 413, 'draft.tooLarge'],
  ])('%s is refused, and changes nothing', async (_what, body, status, code) => {
    await app.inbox.keep([copy('a')])
    const response = await mark('42', body)
    expect(response.status).toBe(status)
    expect(await json(response)).toEqual(refusal(code))
    expect(await get('/v1/users/42/counts')).toMatchObject({ unread: 1, unseen: 1 })
  })

  test('of 500 of the longest ids, every character escaped, fits into one request', async () => {
    await app.inbox.keep([copy('a')])
    const ids = Array.from({ length: 500 }, () => '\\u00e9'.repeat(330))
    const body = `{"op":"read","ids":${JSON.stringify(ids).replaceAll('\\\\', '\\')}}`
    expect((await mark('42', body)).status).toBe(200)
  })
})

describe('the life of a notification', () => {
  test('is told for each of its recipients', async () => {
    await app.inbox.keep([copy('a', { source: 'orders' }), copy('a', { source: 'orders', user: '4|3' })])
    app.inbox.noteSent('42', 1, 2)
    clock.advance(1_000)
    await app.inbox.mark('42', { op: 'read', ids: ['orders:a'], upTo: undefined })
    clock.advance(1_000)
    await app.inbox.mark('4|3', { op: 'delete', ids: ['orders:a'], upTo: undefined })
    const position = { epoch: 'epoch', seq: 1 }
    const born = { position, accepted: clock.now() - 2_000, stored: clock.now() - 2_000 }
    const { recipients, ...rest } = (await get('/v1/notifications/orders%3Aa')) as { recipients: object[] }
    expect(rest).toEqual({ id: 'orders:a' })
    expect(recipients).toHaveLength(2)
    expect(recipients).toContainEqual({
      recipient: '42',
      ...born,
      sent: { devices: 2, at: clock.now() - 2_000 },
      seen: clock.now() - 1_000,
      read: clock.now() - 1_000,
      expired: null,
      gone: null,
    })
    expect(recipients).toContainEqual({
      recipient: '4%7C3',
      ...born,
      sent: null,
      seen: null,
      read: null,
      expired: null,
      gone: { why: 'deleted', at: clock.now() },
    })
  })

  test('says when it expired', async () => {
    await app.inbox.keep([copy('a', { ttlMs: 1_000 })])
    clock.advance(1_000)
    await get('/v1/users/42/counts')
    const at = clock.now()
    expect(await get('/v1/notifications/a')).toMatchObject({
      recipients: [{ expired: at, gone: { why: 'expired', at } }],
    })
  })

  test.each([['nothing'], ['x'.repeat(331)], ['__proto__']])('nobody knows of an id: %#', async (id) => {
    const response = await app.get(`/v1/notifications/${id}`)
    expect(response.status).toBe(404)
    expect(await json(response)).toEqual(refusal('api.notFound'))
  })
})

const PATHS = ['users/42/inbox', 'users/42/counts', 'users/42/mark', 'notifications/a']

test.each(PATHS)('/v1/%s wants a key, and answers no other method', async (path) => {
  const nobody = await fetch(`${app.url}/v1/${path}`, { method: 'POST' })
  expect(nobody.status).toBe(401)
  const wrong = await fetch(`${app.url}/v1/${path}`, { method: 'PUT', headers: { authorization: `Bearer ${KEY}` } })
  expect(wrong.status).toBe(405)
  expect(wrong.headers.get('allow')).toBe(path.endsWith('mark') ? 'POST' : 'GET')
})

test.each(['', '%ff', 'x'.repeat(201), '%e2%98%83'.repeat(67)])(
  'a user id that cannot be one is refused: %#',
  async (id) => {
    for (const ask of [
      app.get(`/v1/users/${id}/inbox`),
      app.get(`/v1/users/${id}/counts`),
      mark(id, { op: 'read', ids: ['a'] }),
    ]) {
      const response = await ask
      expect([400, 404]).toContain(response.status)
      expect(await json(response)).toEqual(refusal(id === '' ? 'api.notFound' : 'api.query'))
    }
  },
)

test('while the store is away all of it answers 503, and that it may be asked again', async () => {
  const away = () => Promise.reject(new GatewayError('store.unavailable'))
  const inbox = { ...app.inbox, list: away, mark: away, open: away, lives: away }
  const other = await runApp({ clock: systemClock, inbox })
  for (const path of PATHS) {
    const init = path.endsWith('mark') ? { method: 'POST', body: '{"op":"read","ids":["a"]}' } : {}
    const response = await fetch(`${other.url}/v1/${path}`, { ...init, headers: { authorization: `Bearer ${KEY}` } })
    expect(response.status).toBe(503)
    expect(await json(response)).toEqual(refusal('store.unavailable', true))
  }
  await other.stop()
})
