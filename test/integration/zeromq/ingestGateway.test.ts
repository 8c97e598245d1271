import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { type GatewayProcess, heraldo, KEY, startGateway } from '../../support/gatewayProcess.ts'
import { requirePython, runPython } from '../../support/python.ts'
import { freePort } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'
import { type Sender, sender } from '../../support/zeromqIngest.ts'

let gateway: GatewayProcess
let address: string
let dealer: Sender

beforeAll(async () => {
  address = `tcp://127.0.0.1:${await freePort()}`
  gateway = await startGateway({ zeromq: { ingest: address } })
  dealer = sender(address)
})
afterAll(async () => {
  await dealer?.close()
  await gateway?.stop()
})

const kept = (recipient: string, more = {}) => ({ recipient, notification: { text: 'hi' }, ...more })
const get = async (path: string): Promise<unknown> =>
  (await fetch(`${gateway.url}/v1/${path}`, { headers: { authorization: `Bearer ${KEY}` } })).json()
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

test('what is kept stands in the inbox byte for byte when its sender is answered', async () => {
  const body = '{ "n": 12345678901234567890 }'
  const reply = await dealer.ask({ recipient: ['a', 'b'], id: 'o-1', source: 'orders', ttl: 60, type: 't' }, body)
  const positions = { a: { epoch: expect.any(String), seq: 1 }, b: { epoch: expect.any(String), seq: 1 } }
  expect(reply).toEqual({ ok: true, id: 'o-1', duplicate: false, positions, store: expect.any(String) })
  const listed = await fetch(`${gateway.url}/v1/users/a/inbox`, { headers: { authorization: `Bearer ${KEY}` } })
  const text = await listed.text()
  expect(text).toContain(`"body":${body}`)
  expect(JSON.parse(text)).toMatchObject({ items: [{ seq: 1, id: 'orders:o-1', type: 't' }] })
  expect(await get('notifications/orders:o-1')).toMatchObject({ recipients: [{ recipient: 'a' }, { recipient: 'b' }] })
})

test('sent again it is told apart by its id: a duplicate, or a conflict that names its recipients', async () => {
  await dealer.ask(kept('c', { id: 'o-2' }))
  expect(await dealer.ask(kept('c', { id: 'o-2' }))).toMatchObject({
    ok: true,
    duplicate: true,
    positions: { c: { seq: 1 } },
  })
  expect(await dealer.ask({ recipient: ['c', 'd'], id: 'o-2' }, '"another"')).toMatchObject({
    ok: false,
    id: 'o-2',
    error: { code: 'draft.idConflict', retry: false, recipients: ['c'] },
  })
  expect(await get('users/d/counts')).toMatchObject({ unread: 1 })
})

test.each([[{ recipient: '#news' }], [{ recipient: '*' }], [{ recipient: 'live-only', keep: false }]])(
  'live goes through the same door: %j',
  async (to) => {
    expect(await dealer.ask({ ...to, notification: 1, id: 'l' })).toEqual({
      ok: true,
      id: 'l',
      duplicate: false,
      positions: {},
    })
    expect(await get('users/live-only/counts')).toMatchObject({ unread: 0 })
  },
)

test.each<[what: string, code: string, ...frames: unknown[]]>([
  ['no JSON', 'draft.notJson', '{'],
  ['garbage', 'draft.notUtf8', Buffer.from([0xff, 0xfe, 0])],
  ['no recipient', 'draft.invalid', { notification: 1 }],
  ['no recipient in the list', 'draft.recipients', { recipient: [], notification: 1 }],
  ['1,001 recipients', 'draft.recipients', { recipient: Array(1_001).fill('42'), notification: 1 }],
  ['a recipient of the protocol itself', 'draft.recipient', kept('!ready')],
  ['an id of 129 characters', 'draft.id', kept('42', { id: 'x'.repeat(129) })],
  ['an id of none', 'draft.id', kept('42', { id: '' })],
  ['a negative ttl', 'draft.ttl', kept('42', { ttl: -1 })],
  ['a ttl of 1e99', 'draft.ttl', '{"recipient":"42","notification":1,"ttl":1e99}'],
  ['a ttl in words', 'draft.ttl', kept('42', { ttl: '10' })],
  ['a ttl of nothing', 'draft.ttl', kept('42', { ttl: 0 })],
  ['a body over the limit', 'draft.tooLarge', kept('42', { notification: 'x'.repeat(65_536) })],
  ['a body frame over the limit', 'draft.tooLarge', { recipient: '42' }, `"${'x'.repeat(65_536)}"`],
  ['a body of 3 MB', 'draft.tooLarge', { recipient: '42' }, 'x'.repeat(3_000_000)],
  ['an unknown key', 'draft.unknownKey', kept('42', { recipent: '43' })],
  ['an unknown version', 'draft.version', { recipient: '42', v: 2 }, '1'],
  ['three frames', 'draft.frames', { recipient: '42' }, '1', '2'],
  ['an empty frame', 'draft.invalid', ''],
  ['an empty body', 'draft.notJson', { recipient: '42' }, ''],
  ['an empty header', 'draft.invalid', '', '', '1'],
  ['nested 65 deep', 'draft.tooDeep', `{"recipient":"42","notification":${nested(65)}}`],
  ['a body nested 65 deep', 'draft.tooDeep', { recipient: '42' }, nested(65)],
])('%s is refused with %s, and the next request is served', async (_what, code, ...frames) => {
  const error = { code, message: expect.any(String), retry: false }
  const reply = await dealer.ask(...frames)
  expect(reply).toMatchObject({ ok: false, error })
  expect(await dealer.ask(kept('42', { notification: code }))).toMatchObject({ ok: true })
})

test('a refusal carries the id, however deep the rest of the request is', async () => {
  const reply = await dealer.ask(`{"recipient":"42","id":"deep","notification":${nested(65)}}`)
  expect(reply).toMatchObject({ ok: false, id: 'deep', error: { code: 'draft.tooDeep' } })
})

test('ten thousand requests in one go are all stored, in the order in which they were sent', async () => {
  const total = 10_000
  const before = dealer.replies.length
  for (let i = 0; i < total; i++) await dealer.send({ recipient: `m-${i % 50}`, id: `m-${i}` }, `${i}`)
  await until('all are answered', () => dealer.replies.length === before + total)
  const replies = dealer.replies.slice(before).map(({ reply }) => reply as { ok: boolean; id: string })
  expect(new Set(replies.filter(({ ok }) => ok).map(({ id }) => id)).size).toBe(total)
  expect(await get('users/m-7/inbox?limit=3')).toMatchObject({
    items: [{ body: 9957 }, { body: 9907 }, { body: 9857 }],
  })
})

test('the example of the documentation runs as it stands there', async () => {
  const [, example = ''] = /```python\n(.*?)```/s.exec(readFileSync('docs/ingest.md', 'utf8')) ?? []
  expect(example.trim().split('\n').length).toBeLessThanOrEqual(10)
  const printed = await runPython(requirePython('zmq'), example.replace('tcp://127.0.0.1:20100', address))
  expect(printed).toMatch(/^o-17 stands at \d+\n$/)
  expect(await get('users/42/inbox?limit=100')).toMatchObject({
    items: expect.arrayContaining([expect.objectContaining({ id: 'orders:o-17', body: { text: 'on its way' } })]),
  })
})

test('a taken port ends the start with one sentence', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const bound = taken.address()
  const ingest = `tcp://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`
  const { code, stderr } = await heraldo(['start'], {
    HERALDO_ZEROMQ_INGEST: ingest,
    HERALDO_HTTP_PORT: '0',
    HERALDO_ZEROMQ_REGISTRY_REP: `tcp://127.0.0.1:${await freePort()}`,
    HERALDO_ZEROMQ_REGISTRY_PUB: `tcp://127.0.0.1:${await freePort()}`,
  })
  await new Promise((resolve) => taken.close(resolve))
  expect(code).toBe(1)
  expect(stderr).toContain(
    `heraldo: zeromq.ingest: cannot listen on ${ingest}: it is taken by another program, perhaps another gateway.\n`,
  )
})
