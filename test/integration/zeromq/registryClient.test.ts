import type { Clock } from '../../../src/core/ports.ts'
import { systemClock } from '../../../src/memory/clock.ts'
import { memoryDirectory } from '../../../src/memory/directory.ts'
import { registry } from '../../../src/zeromq/registry.ts'
import { registryClient } from '../../../src/zeromq/registryClient.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { freePort } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'
import { closers, recordedEvents, testGateway, testNotifier } from '../../support/zeromq.ts'
import { asker, type FakeRegistry, fakeRegistry } from '../../support/zeromqRegistry.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

const A = 'tcp://127.0.0.1:20105'
const B = 'tcp://127.0.0.1:20106'
const C = 'tcp://127.0.0.1:20107'
const D = 'tcp://127.0.0.1:20108'

async function twoPorts() {
  return { rep: `tcp://127.0.0.1:${await freePort()}`, pub: `tcp://127.0.0.1:${await freePort()}` }
}

/** A client whose registry does not run yet. */
async function client(clock: Clock) {
  const ports = await twoPorts()
  const { events, seen } = recordedEvents()
  const made = defer(registryClient({ ...ports, clock, events }))
  let changes = 0
  made.onChange(() => changes++)
  await made.open()
  const silences = () => seen.flatMap(([name, facts]) => (name === 'registry.silent' ? [facts] : []))
  return { ...ports, client: made, silences, changes: () => changes }
}

async function serve({ rep, pub }: { rep: string; pub: string }, clock: Clock = systemClock) {
  const directory = memoryDirectory({ clock })
  const { events } = recordedEvents()
  // libzmq lets go of the ports of an earlier one some moments after they were closed.
  let server = registry({ directory, rep, pub, clock, events })
  await until('the ports are free', () =>
    server.open().then(
      () => true,
      () => {
        server = registry({ directory, rep, pub, clock, events })
        return false
      },
    ),
  )
  return {
    directory,
    async close() {
      await server.close()
      await directory.close()
    },
  }
}

/** A registry that says what the test wants, and is known to be heard on both sockets. */
async function faked(under: Awaited<ReturnType<typeof client>>): Promise<FakeRegistry> {
  const fake = defer(await fakeRegistry(under.rep, under.pub))
  await until('announcements are heard', async () => {
    await fake.announce('["tcp://127.0.0.1:9"]')
    return under.client.addresses().length === 1
  })
  await until('the question has arrived', () => fake.questions.length > 0)
  return fake
}

test('it takes the list as it stands, hears of every change, and disconnects at once from who is removed', async () => {
  const under = await client(systemClock)
  const server = defer(await serve(under))
  server.directory.add({ address: A })
  await until('it knows', () => under.client.addresses().length === 1)
  expect(under.client.addresses()).toEqual([A])
  server.directory.add({ address: B })
  await until('it knows of the other', () => under.client.addresses().length === 2)
  server.directory.remove(A)
  await until('it knows that one is gone', () => under.client.addresses().length === 1)
  expect(under.client.addresses()).toEqual([B])
  expect(under.changes()).toBe(3)
  expect(under.silences()).toEqual([])
})

test('it asks in the words of 2013', async () => {
  const under = await client(systemClock)
  const fake = await faked(under)
  expect(fake.questions[0]).toBe('{"type":"get-publishers"}')
})

test('an announcement that was lost is healed by the next question', async () => {
  const clock = fakeClock()
  const under = await client(clock)
  const fake = await faked(under)
  fake.answerWith = () => JSON.stringify([A])
  await until('it was told', () => {
    clock.advance(1_000)
    return under.client.addresses().includes(A)
  })
  fake.answerWith = () => JSON.stringify([A, B])
  const asked = fake.questions.length
  clock.advance(4_900)
  expect(fake.questions).toHaveLength(asked)
  clock.advance(200)
  await until('it was told', () => under.client.addresses().includes(B))
})

test('an answer that is older than an announcement does not undo it', async () => {
  const clock = fakeClock()
  const under = await client(clock)
  const fake = await faked(under)
  await fake.announce(JSON.stringify([A]))
  await until('the announcement was heard', () => under.client.addresses().includes(A))
  await fake.answer(JSON.stringify([B]))
  // Its complaint about this one says that it has heard the other.
  await fake.answer('nonsense')
  await until('both answers were heard', () => under.silences().length === 1)
  expect(under.client.addresses()).toEqual([A])
  clock.advance(5_000)
  await until('it has asked again', () => fake.questions.length > 1)
  await fake.answer(JSON.stringify([B]))
  await until('an answer to a later question counts', () => under.client.addresses().includes(B))
})

test('a registry that says nothing, or nonsense, takes nobody away, and is complained of once', async () => {
  const clock = fakeClock()
  const under = await client(clock)
  const fake = await faked(under)
  fake.answerWith = () => JSON.stringify([A])
  await until('it was told', () => {
    clock.advance(1_000)
    return under.client.addresses().includes(A)
  })
  const changes = under.changes()
  const before = under.silences().length

  for (const nonsense of ['{', '{}', 'null', '[1]', '["tcp://127.0.0.1:1",null]', '{"error":{"code":"x"}}', '']) {
    fake.answerWith = () => nonsense
    const asked = fake.questions.length
    await until('it has asked again', () => {
      clock.advance(1_000)
      return fake.questions.length > asked + 1
    })
    await fake.announce(nonsense)
  }
  fake.answerWith = undefined
  for (let i = 0; i < 100; i++) clock.advance(1_000)
  expect(under.client.addresses()).toEqual([A])
  expect(under.changes()).toBe(changes)
  await until('it has complained', () => under.silences().length === before + 2)
  const reasons = under.silences().map(({ reason }) => reason)
  expect(reasons.slice(before)).toContain('an announcement that is no list of addresses')
})

test('a registry that is not there is complained of once, and asked until it is', async () => {
  const clock = fakeClock()
  const under = await client(clock)
  for (let i = 0; i < 60; i++) clock.advance(1_000)
  expect(under.silences()).toEqual([{ rep: under.rep, reason: 'no answer' }])
  const server = defer(await serve(under))
  server.directory.add({ address: A })
  await until('it knows', () => {
    clock.advance(1_000)
    return under.client.addresses().length === 1
  })
})

test('a registry that answers nothing is connected anew, and its announcements are heard again', async () => {
  const clock = fakeClock()
  const under = await client(clock)
  const fake = await faked(under)
  for (let i = 0; i < 20; i++) clock.advance(1_000)
  const asked = fake.questions.length
  await until('it asks again', () => {
    clock.advance(1_000)
    return fake.questions.length > asked
  })
  await until('announcements are heard', async () => {
    await fake.announce(JSON.stringify([A]))
    return under.client.addresses().includes(A)
  })
})

test('after a restart the registry’s short memory drops nobody for 30 s', async () => {
  const clock = fakeClock()
  const under = await client(clock)
  const first = defer(await serve(under))
  for (const address of [A, B, C]) first.directory.add({ address })
  await until('it knows all', () => under.client.addresses().length === 3)
  await first.close()

  const second = defer(await serve(under))
  second.directory.add({ address: B })
  second.directory.add({ address: D })
  // A list names everybody: with D it has heard B.
  await until('the new registry is heard', () => under.client.addresses().includes(D))
  expect([...under.client.addresses()].sort()).toEqual([A, B, C, D])
  second.directory.remove(B)
  await until('who was seen to be removed is gone at once', () => !under.client.addresses().includes(B))
  second.directory.add({ address: C })
  second.directory.add({ address: B })
  await until('it has heard of C again', () => under.client.addresses().includes(B))
  clock.advance(29_000)
  expect([...under.client.addresses()].sort()).toEqual([A, B, C, D])
  clock.advance(1_000)
  expect([...under.client.addresses()].sort()).toEqual([B, C, D])
})

test('from a notifier that leases its place, through a registry elsewhere, to who follows', async () => {
  const under = await client(systemClock)
  const server = defer(await serve(under))
  const notifier = defer(await testNotifier())
  const { input, heard } = await testGateway(under.client, systemClock)
  defer(input)
  await input.follow('user:42')
  await defer(asker(under.rep)).ask({ type: 'add-publisher', address: notifier.address, ttl: 30 })
  await until('the notifier knows who listens', () => notifier.filters.has('42|'))
  await notifier.send('42|1')
  await until('it is heard', () => heard.length === 1)
  server.directory.remove(notifier.address)
  await until('it was let go', () => input.status().length === 0)
})
