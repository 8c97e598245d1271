import type { Notifier } from '../../../src/sdk/notifier/index.ts'
import { createNotifier } from '../../../src/sdk/notifier/index.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { gatewayStub } from '../../support/gatewayStub.ts'
import type { RegistryStub } from '../../support/registryStub.ts'
import { listOf, registryStub } from '../../support/registryStub.ts'
import { until } from '../../support/until.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

type Answer = Parameters<typeof registryStub>[0]

async function registry(answer: Answer, bind?: string): Promise<RegistryStub> {
  const made = await registryStub(answer, bind)
  open.push(made)
  return made
}

async function notifier(address: string, clock = fakeClock(), options = {}): Promise<Notifier> {
  const made = await createNotifier({ name: 'orders', registry: address, ...options }, clock)
  open.push(made)
  return made
}

/** What ready() says is missing, once it says what the test waits for. */
async function complaint(orders: Notifier, clock: ReturnType<typeof fakeClock>, wanted: RegExp): Promise<void> {
  await until(`it complains ${wanted}`, async () => {
    const answer = orders.ready({ timeoutMs: 1 }).catch((error: Error) => error.message)
    clock.advance(1)
    return wanted.test((await answer) ?? '')
  })
}

test('a notifier enters the registry with its name and a lease, and leaves it when it closes', async () => {
  const addresses: string[] = []
  const stub = await registry(listOf(addresses))
  const orders = await notifier(stub.address)
  await until('it is listed', () => addresses.length === 1)
  expect(addresses).toEqual([orders.address])
  expect(orders.address).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/)
  expect(stub.questions[0]).toEqual({ type: 'add-publisher', address: orders.address, name: 'orders', ttl: 30 })
  await orders.close()
  expect(addresses).toEqual([])
})

test('what it advertises is what the registry hears', async () => {
  const addresses: string[] = []
  const stub = await registry(listOf(addresses))
  await notifier(stub.address, fakeClock(), { bind: 'tcp://0.0.0.0:*', advertise: 'tcp://orders.internal:20105' })
  await until('it is listed', () => addresses.length === 1)
  expect(addresses).toEqual(['tcp://orders.internal:20105'])
})

test('the lease is renewed at a third of its time', async () => {
  const clock = fakeClock()
  const stub = await registry(listOf([]))
  await notifier(stub.address, clock, { ttlSeconds: 12 })
  // The heartbeat is one timer, the renewal the other.
  for (let renewals = 1; renewals <= 3; renewals++) {
    await until('it waits for its renewal', () => clock.timers === 2 && stub.questions.length === renewals)
    clock.advance(3999)
    expect(clock.timers).toBe(2)
    clock.advance(1)
    await until('it is renewed', () => stub.questions.length === renewals + 1)
  }
})

test('a registry that is away is asked until it comes', async () => {
  const clock = fakeClock()
  const before = await registryStub(listOf([]))
  await before.close()
  const orders = await notifier(before.address, clock)
  await complaint(orders, clock, /did not answer within 1000 ms/)
  const addresses: string[] = []
  await registry(listOf(addresses), before.address)
  await until('it is listed', () => {
    clock.advance(50)
    return addresses.includes(orders.address)
  })
})

test('a registry that was restarted knows it again', async () => {
  const clock = fakeClock()
  const before = await registryStub(listOf([]))
  const orders = await notifier(before.address, clock)
  await until('the first one knows it', () => before.questions.length === 1 && clock.timers === 2)
  await before.close()
  const addresses: string[] = []
  await registry(listOf(addresses), before.address)
  clock.advance(10_000)
  await until('the second one knows it', () => addresses.includes(orders.address))
})

test('when the last gateway leaves, the registry is asked at once: it may have gone with it', async () => {
  const clock = fakeClock()
  const stub = await registry(listOf([]))
  const orders = await notifier(stub.address, clock)
  const gateway = await gatewayStub(orders.address)
  await orders.ready()
  await until('it is registered', () => stub.questions.length === 1 && clock.timers === 2)
  gateway.close()
  await until('it asks again', () => stub.questions.length === 2)
})

test.each([
  ['no JSON', () => '}{', /is no registry/],
  ['no list', () => '{"ok":true}', /is no registry/],
  ['a list of other things', () => '[1,null]', /is no registry/],
  ['a list without us', () => '["tcp://127.0.0.1:1"]', /did not list tcp:\/\/127/],
  [
    'an error',
    () => '{"error":{"code":"registry.full","message":"It is\\nfull."}}',
    /refused: It is full\. \(registry\.full\)/,
  ],
  ['nothing', () => undefined, /did not answer within 1000 ms/],
] satisfies [string, Answer, RegExp][])('a registry that answers %s stops nothing', async (_, answer, wanted) => {
  const clock = fakeClock()
  const stub = await registry(answer)
  const orders = await notifier(stub.address, clock)
  await complaint(orders, clock, wanted)
  const gateway = await gatewayStub(orders.address, ['42'])
  open.push(gateway)
  await orders.ready()
  await orders.notify('42', 'heard all the same')
  await until('it is heard', () => gateway.heard.length === 1)
  const questions = stub.questions.length
  await until('it asks again', () => {
    clock.advance(50)
    return stub.questions.length > questions
  })
})

test('it closes in time when the registry is away', async () => {
  const before = await registryStub(listOf([]))
  await before.close()
  const orders = await notifier(before.address)
  const start = performance.now()
  await orders.close()
  expect(performance.now() - start).toBeLessThan(10_000)
})
