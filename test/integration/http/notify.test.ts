import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { GatewayError } from '../../../src/core/errors.ts'
import { until } from '../../support/until.ts'
import { json, KEY, MAX_BYTES, type RunningApp, runApp } from './runningApp.ts'

let app: RunningApp
beforeAll(async () => {
  app = await runApp()
})
afterAll(() => app.stop())
beforeEach(() => {
  app.seen.length = 0
})

const live = (notification: unknown, more = {}) => ({ recipient: '42', notification, keep: false, ...more })
const refusal = (code: string, more = {}) => ({
  ok: false,
  ...more,
  error: { code, message: expect.any(String), retry: false },
})
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const textOf = (index = 0) => Buffer.from(app.seen[index]?.notification.body ?? []).toString()

describe('what is taken', () => {
  test('a live notification reaches every tab of its user and is answered with 202 and an id', async () => {
    const tabs = [app.connect('user:42'), app.connect('user:42'), app.connect('user:43')]
    const response = await app.notify(live({ text: 'hi ☃' }))
    expect(response.status).toBe(202)
    expect(await json(response)).toEqual({ ok: true, id: expect.any(String), duplicate: false, positions: {} })
    expect(app.seen.map(({ connections, notification }) => [connections, notification.to])).toEqual([[2, 'user:42']])
    expect(textOf()).toBe('{"text":"hi ☃"}')
    for (const tab of tabs) app.hub.close(tab)
  })

  test('type, source, id, ttl and collapse arrive with it', async () => {
    const tab = app.connect('user:42')
    const more = { source: 'orders', id: 'o-17', type: 'order.shipped', ttl: 60, collapse: 'order-17' }
    expect(await json(await app.notify(live(1, more)))).toMatchObject({ ok: true, id: 'o-17' })
    const notification = app.seen[0]?.notification
    expect(notification).toMatchObject({ id: 'orders:o-17', type: 'order.shipped', collapse: 'order-17' })
    expect((notification?.expiresAt ?? 0) - (notification?.at ?? 0)).toBe(60_000)
    app.hub.close(tab)
  })

  test('the same id again shows nothing twice and is answered with 200', async () => {
    const tab = app.connect('user:42')
    const request = live({ text: 'once' }, { id: 'again-1' })
    expect((await app.notify(request)).status).toBe(202)
    const second = await app.notify(request)
    expect(second.status).toBe(200)
    expect(await json(second)).toEqual({ ok: true, id: 'again-1', duplicate: true, positions: {} })
    expect(app.seen).toHaveLength(1)
    app.hub.close(tab)
  })

  test('a list of recipients is told in one request', async () => {
    const tabs = [app.connect('user:42', 'everyone'), app.connect('user:43', 'channel:news')]
    expect((await app.notify({ recipient: ['42', '43', '#news', '*'], notification: null, keep: false })).status).toBe(
      202,
    )
    expect(app.seen.map(({ notification }) => notification.to)).toEqual([
      'user:42',
      'user:43',
      'channel:news',
      'everyone',
    ])
    for (const tab of tabs) app.hub.close(tab)
  })

  test.each([[{}], [{ keep: true }], [{ keep: false }]])(
    'channels and everyone are live only, with keep as %j too',
    async (more) => {
      expect((await app.notify({ recipient: ['#news', '*'], notification: 1, ...more })).status).toBe(202)
    },
  )

  test('a charset of UTF-8 may be named', async () => {
    expect((await app.notify(live(1), { 'content-type': 'Application/JSON; charset="UTF-8"' })).status).toBe(202)
  })

  test('nested 64 deep passes, as it does over ZeroMQ', async () => {
    const response = await app.notify(`{"recipient":"42","keep":false,"notification":${nested(64)}}`)
    expect(response.status).toBe(202)
  })

  test('a notification of exactly the limit passes, even printed with every character escaped', async () => {
    const plain = JSON.stringify('é'.repeat((MAX_BYTES - 2) / 2))
    expect(Buffer.byteLength(plain)).toBe(MAX_BYTES)
    const escaped = plain.replaceAll('é', '\\u00e9')
    const response = await app.notify(`{"recipient":"42","keep":false,"notification":${escaped}}`)
    expect(response.status).toBe(202)
  })

  test('1,000 recipients with the longest ids fit into one request', async () => {
    const recipient = Array.from({ length: 1000 }, (_, i) => `%7C`.repeat(190) + String(i).padStart(10, '0'))
    expect((await app.notify({ recipient, notification: 1, keep: false })).status).toBe(202)
  })

  test('a key named __proto__ inside the notification is data like any other', async () => {
    const tab = app.connect('user:42')
    await app.notify('{"recipient":"42","keep":false,"notification":{"__proto__":{"admin":true}}}')
    expect(textOf()).toBe('{"__proto__":{"admin":true}}')
    app.hub.close(tab)
  })
})

describe('what is kept', () => {
  const first = { epoch: 'epoch', seq: 1 }

  test('is for users, and is answered with where it stands; the same again with where it stood', async () => {
    const request = { recipient: ['u%7C1', 'u2'], notification: { n: 1 }, id: 'k-1', source: 'orders' }
    const positions = { 'u%7C1': first, u2: first }
    const taken = await app.notify(request)
    expect(taken.status).toBe(202)
    const reply = { ok: true, id: 'k-1', positions, store: app.inbox.generation() }
    expect(await json(taken)).toEqual({ ...reply, duplicate: false })
    const again = await app.notify({ ...request, keep: true })
    expect(again.status).toBe(200)
    expect(await json(again)).toEqual({ ...reply, duplicate: true })
    expect((await app.inbox.list('u|1', { before: undefined, limit: 9, filter: 'all' })).items).toMatchObject([
      { seq: 1, id: 'orders:k-1' },
    ])
  })

  test('under an id that another body has is refused, by name; the other recipients get theirs', async () => {
    await app.notify({ recipient: 'u3', notification: 1, id: 'k-2' })
    const response = await app.notify({ recipient: ['u3', 'u4'], notification: 2, id: 'k-2' })
    expect(response.status).toBe(409)
    const error = { code: 'draft.idConflict', message: expect.any(String), retry: false, recipients: ['u3'] }
    expect(await json(response)).toEqual({ ok: false, id: 'k-2', error })
    expect(await app.inbox.states(['u4'])).toMatchObject([{ counts: { unread: 1 } }])
  })

  test('a channel beside a user hears it live', async () => {
    const tab = app.connect('channel:news')
    expect(await json(await app.notify({ recipient: ['#news', 'u5'], notification: 1 }))).toMatchObject({
      positions: { u5: first },
    })
    expect(app.seen.map(({ notification }) => notification.to)).toEqual(['channel:news'])
    app.hub.close(tab)
  })
})

test('while the store is away a sender is asked to come again, and hears its id', async () => {
  const away = () => Promise.reject(new GatewayError('store.unavailable'))
  const other = await runApp({ inbox: { ...app.inbox, keep: away } })
  const response = await other.notify({ recipient: '42', notification: 1, id: 'k-3' })
  expect(response.status).toBe(503)
  expect(await json(response)).toMatchObject({
    ok: false,
    id: 'k-3',
    error: { code: 'store.unavailable', retry: true },
  })
  expect((await other.notify(live(1))).status).toBe(202)
  await other.stop()
})

describe('what is refused', () => {
  const bad: [what: string, body: string | Uint8Array | object, status: number, code: string][] = [
    ['no recipient', { notification: 1 }, 400, 'draft.invalid'],
    ['no notification', { recipient: '42', keep: false }, 400, 'draft.invalid'],
    ['a recipient that is a number', { recipient: 42, notification: 1 }, 400, 'draft.invalid'],
    ['a list with something else than text', { recipient: ['42', null], notification: 1 }, 400, 'draft.invalid'],
    ['keep that is a text', live(1, { keep: 'no' }), 400, 'draft.invalid'],
    ['an array', [1], 400, 'draft.invalid'],
    ['null', 'null', 400, 'draft.invalid'],
    ['a text', '"42|hi"', 400, 'draft.invalid'],
    ['at, which the store decides', live(1, { at: 1 }), 400, 'draft.unknownKey'],
    [
      'a key named __proto__',
      '{"__proto__":{},"recipient":"42","notification":1,"keep":false}',
      400,
      'draft.unknownKey',
    ],
    ['no JSON', '{"recipient":', 400, 'draft.notJson'],
    [
      'a number that JavaScript cannot hold',
      '{"recipient":"42","keep":false,"notification":{"n":[1e999]}}',
      400,
      'draft.notJson',
    ],
    ['two JSON values', '{} {}', 400, 'draft.notJson'],
    ['no UTF-8', Buffer.from('7b2272ff227d', 'hex'), 400, 'draft.notUtf8'],
    ['UTF-16', Buffer.from('{"recipient":"42","notification":1}', 'utf16le'), 400, 'draft.notJson'],
    ['nothing at all', '', 400, 'draft.invalid'],
    ['nested 65 deep', `{"recipient":"42","keep":false,"notification":${nested(65)}}`, 400, 'draft.tooDeep'],
    ['nested 100,000 deep', `{"recipient":"42","keep":false,"notification":${nested(100_000)}}`, 400, 'draft.tooDeep'],
    ['one byte too much', live('x'.repeat(MAX_BYTES - 1)), 413, 'draft.tooLarge'],
    ['2 MB', live('x'.repeat(2_000_000)), 413, 'draft.tooLarge'],
    ['an empty recipient', live(1, { recipient: '' }), 400, 'draft.recipient'],
    ['a recipient of 201 bytes', live(1, { recipient: 'x'.repeat(201) }), 400, 'draft.recipient'],
    ['a recipient with a line break', live(1, { recipient: '4\n2' }), 400, 'draft.recipient'],
    ['a recipient with half a character', live(1, { recipient: '\ud83d' }), 400, 'draft.recipient'],
    ['a recipient of the protocol itself', live(1, { recipient: '!heartbeat' }), 400, 'draft.recipient'],
    ['no recipient in the list', live(1, { recipient: [] }), 400, 'draft.recipients'],
    ['1,001 recipients', live(1, { recipient: Array(1001).fill('42') }), 400, 'draft.recipients'],
    ['1,001 recipients to be kept', { recipient: Array(1001).fill('42'), notification: 1 }, 400, 'draft.recipients'],
    ['a ttl of nothing', live(1, { ttl: 0 }), 400, 'draft.ttl'],
    ['a type of 201 characters', live(1, { type: 'x'.repeat(201) }), 400, 'draft.header'],
    ['a source that is a number', live(1, { source: 1 }), 400, 'draft.header'],
  ]
  test.each(bad)('%s', async (_what, body, status, code) => {
    const refused: string[] = []
    const off = app.events.on('notification.refused', (facts) => void refused.push(`${facts.source} ${facts.code}`))
    const response = await app.notify(body)
    off()
    expect(response.status).toBe(status)
    expect(await json(response)).toEqual(refusal(code))
    expect(refused).toEqual([`key-1 ${code}`])
    expect(app.seen).toEqual([])
  })

  test.each([['__proto__'], ['constructor']])('%s is a user like any other', async (recipient) => {
    expect((await app.notify(live(1, { recipient }))).status).toBe(202)
  })

  test('the refusal names the key that is unknown', async () => {
    const reply = await json(await app.notify(live(1, { recipent: '42' })))
    expect(reply).toMatchObject({ error: { code: 'draft.unknownKey', message: expect.stringContaining('"recipent"') } })
  })

  test('the refusal carries the id that the sender gave', async () => {
    expect(await json(await app.notify(live(1, { id: 'o-17', ttl: -1 })))).toEqual(refusal('draft.ttl', { id: 'o-17' }))
    expect(await json(await app.notify(live(1, { id: 'o-18', at: 1 })))).toEqual(
      refusal('draft.unknownKey', { id: 'o-18' }),
    )
  })

  test('the refusal says nothing back that is longer than an id may be', async () => {
    expect(await json(await app.notify(live(1, { id: 'x'.repeat(129) })))).toEqual(refusal('draft.id'))
    const longest = 'x'.repeat(128)
    expect(await json(await app.notify(live(1, { id: longest, ttl: 0 })))).toEqual(
      refusal('draft.ttl', { id: longest }),
    )
  })

  test.each([
    ['application/x-www-form-urlencoded'],
    ['text/plain'],
    ['application/json; charset=iso-8859-1'],
    ['application/jsonp'],
    [''],
  ])('a content type of "%s"', async (type) => {
    const response = await app.notify(Buffer.from(JSON.stringify(live(1))), { 'content-type': type })
    expect(response.status).toBe(415)
    expect(await json(response)).toEqual(refusal('api.contentType'))
  })

  test('a compressed body, which could be a bomb', async () => {
    const response = await app.notify(gzipSync(JSON.stringify(live(1))), { 'content-encoding': 'gzip' })
    expect(response.status).toBe(415)
    expect(await json(response)).toEqual(refusal('api.contentType'))
  })

  test.each([['GET'], ['PUT'], ['DELETE'], ['PATCH'], ['OPTIONS']])('%s', async (method) => {
    const response = await fetch(`${app.url}/v1/notify`, { method, headers: { authorization: `Bearer ${KEY}` } })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
    expect(await json(response)).toEqual(refusal('api.method'))
  })

  test('a sender that hangs up in the middle of its body leaves nothing behind', async () => {
    const failures: unknown[] = []
    const offs = [
      app.events.on('gateway.failed', (facts) => void failures.push(facts)),
      app.events.on('notification.refused', ({ code }) => void failures.push(code)),
    ]
    const { port, hostname } = new URL(app.url)
    const socket = connect(Number(port), hostname)
    socket.write(
      `POST /v1/notify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"rec`,
      () => socket.destroy(),
    )
    await until('the request is refused', () => failures.length > 0)
    for (const off of offs) off()
    expect(failures).toEqual(['draft.invalid'])
  })
})

test('once the input is closed senders are asked to come again', async () => {
  const closing = await runApp()
  await closing.closeInput()
  const response = await closing.notify(live(1, { id: 'late' }))
  expect(response.status).toBe(503)
  expect(await json(response)).toMatchObject({ ok: false, error: { code: 'draining', retry: true } })
  await closing.stop()
})
