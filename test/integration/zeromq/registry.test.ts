import { createServer } from 'node:net'
import { Dealer } from 'zeromq'
import type { Clock } from '../../../src/core/ports.ts'
import { systemClock } from '../../../src/memory/clock.ts'
import { memoryDirectory } from '../../../src/memory/directory.ts'
import { registry } from '../../../src/zeromq/registry.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { requirePython, runPython } from '../../support/python.ts'
import { freePort } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'
import { closers, recordedEvents, testGateway } from '../../support/zeromq.ts'
import { type Asker, announcementsOf, asker } from '../../support/zeromqRegistry.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

const A = 'tcp://127.0.0.1:20105'
const B = 'tcp://127.0.0.1:20106'

async function served(clock: Clock = systemClock) {
  const rep = `tcp://127.0.0.1:${await freePort()}`
  const pub = `tcp://127.0.0.1:${await freePort()}`
  const { events, seen } = recordedEvents()
  const directory = defer(memoryDirectory({ clock }))
  const server = defer(registry({ directory, rep, pub, clock, events }))
  await server.open()
  return { rep, pub, directory, seen, client: defer(asker(rep)) }
}

const add = (client: Asker, address: string, more = {}) => client.ask({ type: 'add-publisher', address, ...more })

test('the requests of 2013 are answered as in 2013', async () => {
  const { client } = await served()
  expect(await client.ask('{"type":"get-publishers"}')).toEqual([])
  expect(await client.ask(`{"type": "add-publisher", "address": "${A}"}`)).toEqual([A])
  expect(await add(client, B)).toEqual([A, B])
  expect(await add(client, A)).toEqual([A, B])
  expect(await client.ask({ type: 'get-publishers' })).toEqual([A, B])
})

test('a publisher may be removed and described', async () => {
  const clock = fakeClock()
  const { client } = await served(clock)
  await add(client, A, { name: 'orders', ttl: 30 })
  clock.advance(10_000)
  await add(client, A, { name: 'orders', ttl: 30 })
  await add(client, B)
  expect(await client.ask({ type: 'describe-publishers' })).toEqual([
    { address: A, name: 'orders', since: clock.now() - 10_000, lastSeen: clock.now() },
    { address: B, since: clock.now(), lastSeen: clock.now() },
  ])
  expect(await client.ask({ type: 'remove-publisher', address: A })).toEqual([B])
  expect(await client.ask({ type: 'remove-publisher', address: A })).toEqual([B])
})

test('a lease that is not renewed runs out and is announced; who brought none stays', async () => {
  const clock = fakeClock()
  const { client, pub } = await served(clock)
  const { heard } = defer(await announcementsOf(pub))
  await until('announcements are heard', () => {
    // A PUB takes its subscribers in when it sends.
    clock.advance(2_000)
    return heard.length > 0
  })
  await add(client, A, { ttl: 2 })
  await add(client, B)
  clock.advance(1_999)
  expect(await client.ask({ type: 'get-publishers' })).toEqual([A, B])
  clock.advance(1)
  await until('it is announced', () => JSON.stringify(heard.at(-1)) === JSON.stringify([B]))
  expect(await client.ask({ type: 'get-publishers' })).toEqual([B])
})

test('every change is announced at once, and the list again every two seconds', async () => {
  const clock = fakeClock()
  const { client, pub, seen } = await served(clock)
  const { heard } = defer(await announcementsOf(pub))
  await until('the announcements are heard', () => {
    clock.advance(2_000)
    return heard.length > 0
  })
  // Those that are still on their way were made before this question was answered.
  await client.ask({ type: 'get-publishers' })
  heard.length = 0
  await add(client, A)
  await until('the change is heard', () => heard.some((list) => JSON.stringify(list) === JSON.stringify([A])))
  heard.length = 0
  await add(client, A)
  clock.advance(2_000)
  await until('the list is heard again', () => heard.length > 0)
  expect(heard[0]).toEqual([A])
  expect(seen).toContainEqual(['registry.changed', { publishers: 1 }])
})

const deep = '['.repeat(10_000)
test.each<[string, string | Uint8Array, string]>([
  ['that is empty', '', 'registry.request'],
  ['that is no JSON', '{"type":', 'registry.request'],
  ['that is nested without end', deep, 'registry.request'],
  ['that is a list', '[]', 'registry.request'],
  ['that is null', 'null', 'registry.request'],
  ['that is a text', '"get-publishers"', 'registry.request'],
  ['without a type', '{}', 'registry.request'],
  ['of an unknown type', '{"type":"drop-everything"}', 'registry.request'],
  ['whose type means something to JavaScript', '{"type":"__proto__"}', 'registry.request'],
  ['of bytes that are no UTF-8', new Uint8Array([0xff, 0x00, 0xfe]), 'registry.request'],
  ['of 20,000 bytes', JSON.stringify({ type: 'get-publishers', x: 'y'.repeat(20_000) }), 'registry.request'],
  ['without an address', '{"type":"add-publisher"}', 'registry.address'],
  ['with a number for an address', '{"type":"add-publisher","address":5}', 'registry.address'],
  ['with nonsense for an address', '{"type":"add-publisher","address":"nonsense"}', 'registry.address'],
  ['with an address to bind to', '{"type":"add-publisher","address":"tcp://*:20105"}', 'registry.address'],
  ['to remove nonsense', '{"type":"remove-publisher","address":"nonsense"}', 'registry.address'],
  ['with a lease of 0 s', `{"type":"add-publisher","address":"${A}","ttl":0}`, 'registry.request'],
  ['with a lease of 1.5 s', `{"type":"add-publisher","address":"${A}","ttl":1.5}`, 'registry.request'],
  ['with a lease of more than a day', `{"type":"add-publisher","address":"${A}","ttl":86401}`, 'registry.request'],
  ['with a lease in words', `{"type":"add-publisher","address":"${A}","ttl":"30"}`, 'registry.request'],
  ['with a name that is none', `{"type":"add-publisher","address":"${A}","name":{}}`, 'registry.request'],
])('a request %s gets an error, and the next one is answered', async (_, request, code) => {
  const { client, seen } = await served()
  expect(await client.ask(request)).toEqual({ error: { code, message: expect.stringMatching(/\.$/) } })
  expect(seen).toContainEqual(['registry.refused', { code }])
  expect(await client.ask({ type: 'get-publishers' })).toEqual([])
})

test('a request of several frames gets an error, and the next one is answered', async () => {
  const { client } = await served()
  const reply = await client.ask('{"type":"get-publishers"}', Buffer.from('more'), Buffer.from(''))
  expect(reply).toMatchObject({ error: { code: 'registry.request' } })
  expect(await client.ask({ type: 'get-publishers' })).toEqual([])
})

test('strangers who speak no REQ, say far too much and leave in the middle stop nobody else', async () => {
  const { client, rep, seen } = await served()
  for (let round = 0; round < 50; round++) {
    const stranger = new Dealer({ linger: 0 })
    stranger.connect(rep)
    await stranger.send('no delimiter')
    await stranger.send(['', '{"type":"get-publishers"}'])
    await stranger.send(['', Buffer.alloc(round % 2 === 0 ? 2_000_000 : 1)])
    expect(await client.ask({ type: 'get-publishers' })).toEqual([])
    stranger.close()
    expect(await client.ask({ type: 'get-publishers' })).toEqual([])
  }
  expect(seen.filter(([name]) => name === 'gateway.failed')).toEqual([])
})

test('a taken port is one clear sentence that names the address', async () => {
  const taken = createServer()
  defer({ close: () => new Promise<void>((resolve) => taken.close(() => resolve())) })
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const address = taken.address()
  const rep = `tcp://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const pub = `tcp://127.0.0.1:${await freePort()}`
  const { events } = recordedEvents()
  const directory = defer(memoryDirectory({ clock: systemClock }))
  const server = registry({ directory, rep, pub, clock: systemClock, events })
  await expect(server.open()).rejects.toThrow(
    `zeromq.registry: cannot listen on ${rep}: it is taken by another program, perhaps another gateway.`,
  )
  await server.close()
})

/** A worker of 2013, and the full form beside it: it announces itself and publishes once somebody listens. */
const WORKER = `
import json, sys, zmq
context = zmq.Context()
pub = context.socket(zmq.XPUB)
port = pub.bind_to_random_port('tcp://127.0.0.1')
req = context.socket(zmq.REQ)
req.connect(sys.argv[1])
req.send(json.dumps({'type': 'add-publisher', 'address': 'tcp://127.0.0.1:%d' % port}).encode())
print(req.recv().decode())
while pub.recv() != b'\\x01!ready|':
    pass
pub.send(b'42|' + json.dumps({'text': 'caf\\u00e9'}, ensure_ascii=False).encode())
pub.send(b'420|"not yours"')
pub.send_multipart([b'42|', b'{"id":"1","type":"order.shipped"}', b'{"text":"full"}'])
context.destroy(linger=2000)
`

test('a pyzmq worker of 2013 announces itself and is heard', async () => {
  const { rep, directory } = await served()
  const { input, heard } = await testGateway(directory, systemClock)
  defer(input)
  await input.follow('user:42')
  const printed = await runPython(requirePython('zmq'), WORKER, [rep])
  expect(JSON.parse(printed)).toEqual(directory.addresses())
  await until('it is heard', () => heard.length === 2)
  expect(heard).toEqual(['42 <- {"text": "caf\u00e9"}', '42 <- {"text":"full"}'])
})
