import type { Sender, SenderOptions } from '../../../src/sdk/notifier/index.ts'
import { createSender } from '../../../src/sdk/notifier/index.ts'
import type { IngestStub } from '../../support/ingestStub.ts'
import { ingestStub, refusal } from '../../support/ingestStub.ts'
import { until } from '../../support/until.ts'

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const end of open.splice(0).reverse()) await end()
})

async function gateway(bind?: string): Promise<IngestStub> {
  const made = await ingestStub(bind)
  open.push(made.close)
  return made
}

function sender(ingest: string | readonly string[], options: SenderOptions = {}): Sender {
  const made = createSender({ ingest, source: 'orders', timeoutMs: 300, ...options })
  open.push(() => made.close({ drainMs: 0 }))
  return made
}

async function pair(options: SenderOptions = {}) {
  const stub = await gateway()
  return { stub, orders: sender(stub.address, options) }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
const bodies = ({ stored }: IngestStub) => [...stored.values()].map((body) => JSON.parse(body))
const codeOf = (sending: Promise<unknown>) =>
  sending.then(
    () => 'acknowledged',
    ({ code }) => code,
  )

test('a user is told: header and body are two frames, and the answer says where it stands', async () => {
  const { stub, orders } = await pair()
  const answer = await orders.notify('42', { text: 'hi' }, { type: 'order.shipped', ttl: 60, collapse: 'order-17' })
  expect(answer).toEqual({
    id: expect.stringMatching(/^[\w-]{22}$/),
    duplicate: false,
    positions: { '42': { epoch: 'first', seq: 1 } },
    store: 'first',
  })
  expect(stub.asked[0]?.frames.map(String)).toEqual([expect.any(String), '{"text":"hi"}'])
  expect(stub.asked[0]?.header).toEqual({
    recipient: '42',
    source: 'orders',
    id: answer.id,
    type: 'order.shipped',
    ttl: 60,
    collapse: 'order-17',
  })
})

test('an id of the caller is kept once, and the answer tells a duplicate from what is new', async () => {
  const { orders } = await pair()
  const first = await orders.notify('42', 1, { id: 'o-17' })
  expect(await orders.notify('42', 1, { id: 'o-17' })).toEqual({ ...first, duplicate: true })
  expect(first).toMatchObject({ id: 'o-17', duplicate: false })
})

test('several users are told at once, and answered by the names that the caller used', async () => {
  const { stub, orders } = await pair()
  const users = ['42', 'a|b', '#1', '__proto__', '42']
  const { positions } = await orders.notify(users, 'hi')
  expect(stub.asked[0]?.recipients).toEqual(['42', 'a%7Cb', '%231', '__proto__'])
  expect(Object.keys(positions)).toEqual(['42', 'a|b', '#1', '__proto__'])
})

test('channels, everyone and users who need not keep it are told live', async () => {
  const { stub, orders } = await pair()
  await orders.toChannel('orders', 1, { event: 'shipped' })
  await orders.toEveryone(2, { type: 'closing' })
  const { positions } = await orders.notify('42', 3, { keep: false })
  expect(stub.asked.map(({ header }) => header)).toMatchObject([
    { recipient: '#orders', type: 'shipped' },
    { recipient: '*', type: 'closing' },
    { recipient: '42', keep: false },
  ])
  expect(positions).toEqual({})
})

test('bytes go out byte for byte, as they were when they were handed over', async () => {
  const { stub, orders } = await pair()
  const bytes = Buffer.from(`{ "n": 12345678901234567890.10, "pad": "${'x'.repeat(500)}" }`)
  const before = String(bytes)
  const sending = orders.notify('42', bytes)
  bytes.fill(0x20)
  await sending
  expect(stub.asked[0]?.body).toBe(before)
})

test.each<[string, unknown, unknown, object]>([
  ['draft.recipient', '', 1, {}],
  ['draft.recipient', 42, 1, {}],
  ['draft.recipient', ['42', null], 1, {}],
  ['draft.recipients', [], 1, {}],
  ['draft.recipients', numbers(1001).map(String), 1, {}],
  ['draft.tooLarge', '42', 'x'.repeat(70_000), {}],
  ['draft.notJson', '42', undefined, {}],
  ['draft.id', '42', 1, { id: 'x'.repeat(129) }],
  ['draft.ttl', '42', 1, { ttl: 0.5 }],
  ['draft.header', '42', 1, { collapse: '' }],
  ['draft.header', '42', 1, { keep: 'yes' }],
])('%s: refused here, with nothing sent', async (code, users, body, options) => {
  const { stub, orders } = await pair()
  await expect(orders.notify(users as string, body, options)).rejects.toMatchObject({ code, retry: false })
  await orders.notify('42', 'afterwards')
  expect(stub.asked).toHaveLength(1)
})

test('what a gateway refuses for good is an error with its code, and who is refused', async () => {
  const { stub, orders } = await pair()
  stub.behave = ({ id }) => [refusal(id, 'draft.idConflict', false, { recipients: ['a%7Cb'] })]
  await expect(orders.notify(['42', 'a|b'], 1, { id: 'o-17' })).rejects.toMatchObject({
    name: 'NotifierError',
    code: 'draft.idConflict',
    message: 'It is draft.idConflict.',
    retry: false,
    id: 'o-17',
    recipients: ['a|b'],
  })
  expect(stub.asked).toHaveLength(1)
})

test('while a gateway asks for patience nothing is lost, and afterwards everything stands in order', async () => {
  const { stub, orders } = await pair({ window: 50 })
  let isUp = false
  stub.behave = (one) => {
    // It comes back while nothing is under way: between two halves of a window it would tear the order.
    isUp ||= stub.asked.length > 60 && one.body === '0'
    return [isUp ? stub.keep(one) : refusal(one.id, 'store.unavailable', true)]
  }
  expect(await Promise.all(numbers(200).map((n) => orders.notify('42', n)))).toHaveLength(200)
  expect(bodies(stub)).toEqual(numbers(200))
})

test('answers that are lost, late, twice, out of order, for nobody or no answers at all confuse nothing', async () => {
  const { stub, orders } = await pair({ window: 20 })
  const garbage = [
    '',
    '}{',
    'null',
    '[]',
    '{"ok":true}',
    '{"ok":true,"id":"unknown","positions":{}}',
    '['.repeat(50_000),
  ]
  const bad = ['{"ok":false,"id":"ID"}', '{"ok":true,"id":"ID","positions":{"42":1}}', '{"ok":1,"id":"ID"}']
  const held: string[] = []
  stub.behave = (one) => {
    const noise = [...garbage, ...bad.map((text) => text.replace('ID', one.id))]
    const answer = stub.keep(one)
    const turn = stub.asked.length % 5
    if (turn === 0) return noise
    if (turn === 1) return [answer, ...noise, answer]
    if (turn === 2) return [...noise, ...held.splice(0)]
    held.push(answer)
    return held.length > 3 ? held.splice(0).reverse() : []
  }
  const answers = await Promise.all(numbers(100).map((n) => orders.notify('42', n, { id: `n-${n}` })))
  expect(answers.map(({ id }) => id)).toEqual(numbers(100).map((n) => `n-${n}`))
  expect(bodies(stub)).toEqual(numbers(100))
})

test('a late answer is not taken for the next one with the same id', async () => {
  const { stub, orders } = await pair()
  let late = ''
  stub.behave = (one) => {
    if (one.recipients[0] === '43')
      return stub.asked.filter(({ recipients }) => recipients[0] === '43').length > 1 ? [stub.keep(one)] : [late]
    late = stub.keep(one)
    return [late]
  }
  const answers = await Promise.all(['42', '43'].map((user) => orders.notify(user, 1, { id: 'same' })))
  expect(answers.map(({ positions }) => Object.keys(positions))).toEqual([['42'], ['43']])
  expect(stub.stored.size).toBe(2)
})

test('a gateway that dies and comes back has everything once and in order', async () => {
  const { stub, orders } = await pair({ window: 100 })
  stub.behave = (one) => (stub.asked.length > 150 ? [] : [stub.keep(one)])
  const sending = Promise.all(numbers(500).map((n) => orders.notify('42', n)))
  await until('it fell silent', () => stub.asked.length > 200)
  stub.close()
  const next = await gateway(stub.address)
  await sending
  // What had been stored and not answered stands at both: these are two stores, and one gateway's would be one.
  expect([...new Set([...bodies(stub), ...bodies(next)])]).toEqual(numbers(500))
})

test.each<[string, (stub: IngestStub) => void]>([
  [
    'is silent',
    (stub) => {
      stub.behave = () => []
    },
  ],
  ['is not there', (stub) => stub.close()],
  [
    'wants it later, again and again',
    (stub) => {
      stub.behave = ({ id }) => [refusal(id, 'draining', true)]
    },
  ],
])('the next gateway is taken when the first one %s', async (_, spoil) => {
  const [first, second] = [await gateway(), await gateway()]
  spoil(first)
  const orders = sender([first.address, second.address])
  await Promise.all(numbers(50).map((n) => orders.notify('42', n)))
  expect(bodies(second)).toEqual(numbers(50))
})

test('at its bound the spool refuses at once, with a code, and takes more when some were acknowledged', async () => {
  const { stub, orders } = await pair({ maxSpooled: 3 })
  stub.behave = () => []
  const sending = Promise.all(numbers(3).map((n) => orders.notify('42', n)))
  await expect(orders.notify('42', 3)).rejects.toMatchObject({ code: 'spool.full', retry: true })
  stub.behave = (one) => [stub.keep(one)]
  await sending
  await orders.notify('42', 4)
  expect(bodies(stub)).toEqual([0, 1, 2, 4])
})

test('the bytes of the spool are bounded as well', async () => {
  const { stub, orders } = await pair({ maxSpooledBytes: 100_000 })
  stub.behave = () => []
  const outcomes = numbers(5).map(() => codeOf(orders.notify('42', 'x'.repeat(40_000))))
  stub.behave = (one) => [stub.keep(one)]
  expect(await Promise.all(outcomes)).toEqual(['acknowledged', 'acknowledged', ...Array(3).fill('spool.full')])
})

test('what a store acknowledged and then forgot is sent again under the same ids, before what is new', async () => {
  const { stub, orders } = await pair()
  await Promise.all(numbers(100).map((n) => orders.notify('42', n)))
  stub.forget('second')
  const { store } = await orders.notify('42', 100)
  expect(store).toBe('second')
  await orders.notify('42', 101)
  expect(bodies(stub)).toEqual([100, ...numbers(100), 101])
  const ids = stub.asked.map(({ id }) => id)
  expect(ids.slice(101, 201)).toEqual(ids.slice(0, 100))
})

test('closing waits for what is under way, and for what a forgetful store has to be told again', async () => {
  const { stub, orders } = await pair()
  await orders.notify('42', 'before')
  stub.forget('second')
  const last = orders.notify('42', 'after')
  expect(await orders.close()).toEqual([])
  await last
  expect(bodies(stub)).toEqual(['after', 'before'])
  await expect(orders.notify('42', 1)).rejects.toMatchObject({ code: 'notifier.closed' })
})

test('closing says in time what was not acknowledged', async () => {
  const { stub, orders } = await pair()
  stub.behave = (one) => (one.id === 'a' ? [stub.keep(one)] : [])
  const outcomes = ['a', 'b', 'c'].map((id) => codeOf(orders.notify('42', id, { id })))
  expect(await orders.close({ drainMs: 200 })).toEqual(['b', 'c'])
  expect(await Promise.all(outcomes)).toEqual(['acknowledged', 'notifier.unacknowledged', 'notifier.unacknowledged'])
  expect(await orders.close()).toEqual(['b', 'c'])
})

test.each<[string, object]>([
  ['"ingest"', { ingest: 'http://127.0.0.1' }],
  ['"ingest"', { ingest: [] }],
  ['"ingest"', { ingest: ['tcp://127.0.0.1:20100', 'tcp://*:1'] }],
  ['"source"', { source: '' }],
  ['"timeoutMs"', { timeoutMs: 99 }],
  ['"window"', { window: 0 }],
  ['"maxSpooled"', { maxSpooled: 1.5 }],
  ['"maxSpooledBytes"', { maxSpooledBytes: -1 }],
  ['"maxBytes"', { maxBytes: 2 ** 20 + 1 }],
  ['"name"', { name: 'orders' }],
])('a wrong option is refused by its name: %s', (key, options) => {
  const wanted = { code: 'notifier.options', message: expect.stringContaining(key) }
  expect(() => createSender(options)).toThrow(expect.objectContaining(wanted))
})
