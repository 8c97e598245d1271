import { encodeUserId } from '../../../src/core/address.ts'
import type { Notifier } from '../../../src/sdk/notifier/index.ts'
import { createNotifier } from '../../../src/sdk/notifier/index.ts'
import type { NotifierOptions } from '../../../src/sdk/notifier/options.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import type { GatewayStub } from '../../support/gatewayStub.ts'
import { gatewayStub } from '../../support/gatewayStub.ts'
import { until } from '../../support/until.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

async function notifier(options: Partial<NotifierOptions> = {}, clock = fakeClock()): Promise<Notifier> {
  const made = await createNotifier({ name: 'orders', registry: null, ...options }, clock)
  open.push(made)
  return made
}

async function gateway(address: string, recipients: readonly string[]): Promise<GatewayStub> {
  const made = await gatewayStub(address, recipients)
  open.push(made)
  return made
}

async function pair(recipients: readonly string[], options: Partial<NotifierOptions> = {}, clock = fakeClock()) {
  const orders = await notifier(options, clock)
  const stub = await gateway(orders.address, recipients)
  await orders.ready()
  return { orders, stub, clock }
}

const heard = (stub: GatewayStub, count: number) => until(`${count} were heard`, () => stub.heard.length >= count)

test('a user is told in the full form', async () => {
  const { orders, stub } = await pair(['42'])
  const { id } = await orders.notify('42', { text: 'hi' })
  await heard(stub, 1)
  const [first, header, body, ...more] = stub.heard[0]?.frames.map(String) ?? []
  expect(more).toEqual([])
  expect([first, body]).toEqual(['42|', '{"text":"hi"}'])
  expect(JSON.parse(header ?? '')).toEqual({
    v: 1,
    id,
    at: 1_763_750_000_000,
    source: 'orders',
    epoch: expect.stringMatching(/^.{8,}$/),
    seq: 1,
  })
})

test('everything that may be said of a notification stands in its header', async () => {
  const { orders, stub } = await pair(['42'], { source: 'shop' })
  await orders.notify('42', 1, { id: 'o-17', type: 'order.shipped', ttl: 60, collapse: 'order-17', at: 17 })
  await heard(stub, 1)
  expect(stub.heard[0]?.header).toMatchObject({
    id: 'o-17',
    type: 'order.shipped',
    ttl: 60,
    collapse: 'order-17',
    at: 17,
    source: 'shop',
  })
})

test('a channel hears its events, everyone hears what is for everyone', async () => {
  const { orders, stub } = await pair(['#orders', '*'])
  await orders.toChannel('orders', { n: 1 }, { event: 'shipped' })
  await orders.toEveryone('closing')
  await heard(stub, 2)
  expect(stub.heard).toMatchObject([
    { recipient: '#orders', header: { type: 'shipped', seq: 1 }, body: '{"n":1}' },
    { recipient: '*', header: { seq: 1 }, body: '"closing"' },
  ])
})

test('bytes go out byte for byte, as they were when they were handed over', async () => {
  const { orders, stub } = await pair(['42'])
  const bytes = Buffer.from(`{ "n": 12345678901234567890.10, "pad": "${'x'.repeat(500)}" }`)
  const before = String(bytes)
  const sending = orders.notify('42', bytes)
  bytes.fill(0x20)
  await sending
  await heard(stub, 1)
  expect(stub.heard[0]?.body).toBe(before)
})

test('ids differ, and each recipient is counted from 1', async () => {
  const { orders, stub } = await pair(['42', '43'])
  const made = await Promise.all(['42', '43', '42', '42'].map((user) => orders.notify(user, {})))
  await heard(stub, 4)
  expect(new Set(made.map(({ id }) => id)).size).toBe(4)
  expect(stub.heard.map(({ recipient, header }) => `${recipient}:${header['seq']}`)).toEqual([
    '42:1',
    '43:1',
    '42:2',
    '42:3',
  ])
})

test('two lives of a notifier share neither epoch nor ids', async () => {
  const seen = []
  for (let life = 0; life < 2; life++) {
    const { orders, stub } = await pair(['42'])
    await orders.notify('42', {})
    await heard(stub, 1)
    seen.push(stub.heard[0]?.header)
    await orders.close()
  }
  expect(seen[0]?.['epoch']).not.toBe(seen[1]?.['epoch'])
  expect(seen[0]?.['id']).not.toBe(seen[1]?.['id'])
})

test('one recipient too many to count begins a new epoch', async () => {
  const { orders, stub } = await pair(['1', '2', '3'], { maxCounters: 2 })
  for (const user of ['1', '2', '1', '3', '1']) await orders.notify(user, {})
  await heard(stub, 5)
  const epochs = stub.heard.map(({ header }) => header['epoch'])
  expect(stub.heard.map(({ header }) => header['seq'])).toEqual([1, 1, 2, 1, 1])
  expect(epochs.slice(0, 3)).toEqual([epochs[0], epochs[0], epochs[0]])
  expect(epochs[3]).not.toBe(epochs[0])
  expect(epochs[4]).toBe(epochs[3])
})

test('it says every second that it lives', async () => {
  const { orders, stub, clock } = await pair(['42'])
  clock.advance(999)
  await orders.notify('42', {})
  await heard(stub, 1)
  expect(stub.heartbeats).toHaveLength(0)
  for (let beats = 1; beats <= 3; beats++) {
    clock.advance(1000)
    await until(`${beats} heartbeats came`, () => stub.heartbeats.length === beats)
  }
  expect(stub.heartbeats[0]?.frames).toHaveLength(3)
  expect(stub.heartbeats[0]?.body).toBe('{}')
  expect(stub.heartbeats[0]?.header).toEqual({ source: 'orders', epoch: stub.heard[0]?.header['epoch'] })
})

test('refused ones are not sent and leave no hole', async () => {
  const { orders, stub } = await pair(['42'], { maxBytes: 20 })
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const deep = JSON.parse(`${'['.repeat(65)}${']'.repeat(65)}`)
  const bottomless = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)
  const big = await notifier()
  await orders.notify('42', 'first')
  await expect(orders.notify('42', 'x'.repeat(19))).rejects.toMatchObject({ code: 'draft.tooLarge' })
  await expect(orders.notify('42', Buffer.alloc(21, 0x20))).rejects.toMatchObject({ code: 'draft.tooLarge' })
  await expect(big.notify('42', deep)).rejects.toMatchObject({ code: 'draft.tooDeep' })
  await expect(big.notify('42', bottomless)).rejects.toMatchObject({ code: 'draft.tooDeep' })
  for (const body of [undefined, () => {}, 1n, circular, Buffer.from('{'), new Uint8Array(0)])
    await expect(orders.notify('42', body)).rejects.toMatchObject({ code: 'draft.notJson' })
  await expect(orders.notify('42', Buffer.from([0x22, 0xff, 0x22]))).rejects.toMatchObject({ code: 'draft.notUtf8' })
  for (const user of ['', 'x'.repeat(201), 'ä'.repeat(101), '\ud800'])
    await expect(orders.notify(user, 1)).rejects.toMatchObject({ code: 'draft.recipient' })
  for (const channel of ['', 'a b', 'a|b', 'x'.repeat(201)])
    await expect(orders.toChannel(channel, 1)).rejects.toMatchObject({ code: 'draft.recipient' })
  for (const id of ['', 'x'.repeat(129)])
    await expect(orders.notify('42', 1, { id })).rejects.toMatchObject({ code: 'draft.id' })
  for (const ttl of [0, -1, 1.5, 31_536_001])
    await expect(orders.notify('42', 1, { ttl })).rejects.toMatchObject({ code: 'draft.ttl' })
  for (const bad of [{ type: '' }, { collapse: 'x'.repeat(201) }, { at: -1 }])
    await expect(orders.notify('42', 1, bad)).rejects.toMatchObject({ code: 'draft.header' })
  await orders.notify('42', 'x'.repeat(18))
  await heard(stub, 2)
  expect(stub.heard.map(({ header }) => header['seq'])).toEqual([1, 2])
})

test('a full queue refuses instead of growing, and leaves no hole', async () => {
  const { orders, stub } = await pair(['42'], { maxQueued: 3 })
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => orders.notify('42', n)))
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  expect(refused).toHaveLength(7)
  for (const outcome of refused) expect(outcome).toMatchObject({ reason: { code: 'notifier.busy', retry: true } })
  await orders.notify('42', 'afterwards')
  await heard(stub, 4)
  expect(stub.heard.map(({ header }) => header['seq'])).toEqual([1, 2, 3, 4])
})

const strange = [
  'a|b',
  '|',
  '42%',
  '%7C',
  '#orders',
  '*',
  '!ready',
  '!heartbeat',
  'new\nline',
  '\u0000\u007f',
  'ä|ü',
  '__proto__',
  '4',
  '420',
]

test.each(strange)('user %j is heard by their own filter alone', async (user) => {
  const others = ['42', ...strange.filter((other) => other !== user)].map(encodeUserId)
  const orders = await notifier()
  const own = await gateway(orders.address, [encodeUserId(user)])
  const other = await gateway(orders.address, [...others, '#orders', '*'])
  await until('both shook hands', () => own.handshakes === 1 && other.handshakes === 1)
  await other.follow('last')
  await until('the last filter is heard', async () => {
    await orders.notify('last', 1)
    return other.heard.length > 0
  })
  await orders.notify(user, 'for me')
  await heard(own, 1)
  await orders.notify('last', 'end')
  await until('the end was heard', () => other.heard.at(-1)?.body === '"end"')
  expect(own.heard).toMatchObject([{ recipient: encodeUserId(user), body: '"for me"' }])
  expect(new Set(other.heard.map(({ recipient }) => recipient))).toEqual(new Set(['last']))
})

test('ready() waits in vain where no gateway is, and says what to look at', async () => {
  const clock = fakeClock()
  const orders = await notifier({}, clock)
  const waiting = orders.ready({ timeoutMs: 3000 })
  clock.advance(3000)
  await expect(waiting).rejects.toMatchObject({
    code: 'notifier.notReady',
    message: `No gateway heard within 3000 ms. Gateways must know ${orders.address} by their configuration (zeromq.notifiers).`,
  })
})

test('a gateway that died is noticed, and the next one as well', async () => {
  const clock = fakeClock()
  const { orders, stub } = await pair(['42'], {}, clock)
  stub.close()
  await until('nobody hears', async () => {
    const answer = orders.ready({ timeoutMs: 1 }).then(
      () => false,
      () => true,
    )
    clock.advance(1)
    return await answer
  })
  const waiting = orders.ready()
  const next = await gateway(orders.address, ['42'])
  await waiting
  await orders.notify('42', 'again')
  await heard(next, 1)
})

test('a bound address is taken: the error says which', async () => {
  const orders = await notifier()
  const failing = createNotifier({ name: 'second', registry: null, bind: orders.address })
  await expect(failing).rejects.toMatchObject({
    code: 'notifier.bind',
    message: expect.stringContaining(orders.address),
  })
})

test('closing delivers what was sent last', async () => {
  const { orders, stub } = await pair(['42'])
  const all = Array.from({ length: 2000 }, (_, n) => orders.notify('42', n))
  await orders.close()
  await Promise.all(all)
  await heard(stub, 2000)
  expect(stub.heard.at(-1)?.body).toBe('1999')
  await expect(orders.notify('42', 'too late')).rejects.toMatchObject({ code: 'notifier.closed' })
  await expect(orders.ready()).rejects.toMatchObject({ code: 'notifier.closed' })
  await orders.close()
})

test('a wrong linger is refused and closes nothing', async () => {
  const { orders, stub } = await pair(['42'])
  await expect(orders.close({ lingerMs: -1 })).rejects.toMatchObject({ code: 'notifier.options' })
  await orders.notify('42', 1)
  await heard(stub, 1)
})
