import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Publisher, XPublisher } from 'zeromq'
import { systemClock } from '../../../src/memory/clock.ts'
import { requirePython } from '../../support/python.ts'
import { encodeCommand, rawPublisher } from '../../support/rawZmtp.ts'
import { until } from '../../support/until.ts'
import { closers, listOf, testGateway, testNotifier } from '../../support/zeromq.ts'
import { ingestFor, sender } from '../../support/zeromqIngest.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

const folder = mkdtempSync(join(tmpdir(), 'heraldo-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function gatewayFor(...addresses: readonly string[]) {
  const gateway = await testGateway(listOf(...addresses), systemClock)
  defer(gateway.input)
  return gateway
}

const PLACES = [
  ['tcp', 'tcp://127.0.0.1:*'],
  ['a file', `ipc://${folder}/socket`],
  ['an abstract name', `ipc://@heraldo-${process.pid}`],
] as const

describe.each(PLACES)('over %s', (_, address) => {
  test.each([
    ['PUB', Publisher],
    ['XPUB', XPublisher],
  ] as const)('a %s of libzmq is heard, a message of almost a megabyte included', async (_, type) => {
    const socket = new type({ linger: 0 })
    defer({ close: async () => socket.close() })
    // libzmq lets go of an address some moments after its socket was closed.
    await until('the address is free', () =>
      socket.bind(address).then(
        () => true,
        () => false,
      ),
    )
    const { input, heard } = await gatewayFor(socket.lastEndpoint ?? '')
    await input.follow('user:42')
    await until('it is heard', async () => {
      // A PUB takes filters in only when it sends.
      await socket.send('42|"begin"')
      return heard.length > 0
    })
    const large = `"${'x'.repeat(1_000_000)}"`
    await socket.send(['42|', '{}', large])
    await socket.send(`42|${large}`)
    await socket.send('42|"end"')
    await until('the end is heard', () => heard.at(-1) === '42 <- "end"')
    expect(heard.slice(-3, -1).map((text) => text === `42 <- ${large}`)).toEqual([true, true])
  })

  test('a DEALER of libzmq is answered', async () => {
    const ingest = defer(await ingestFor(undefined, address.endsWith('*') ? {} : { address: `${address}-ingest` }))
    const dealer = defer(sender(ingest.address))
    expect(await dealer.ask({ recipient: '42', notification: 1 })).toMatchObject({ ok: true })
  })
})

test.each([
  ['tcp://127.0.0.1:*', 'localhost'],
  ['tcp://[::1]:*', '[::1]'],
])('a notifier at %s is found under the name %s', async (address, name) => {
  const socket = new XPublisher({ linger: 0, ipv6: name !== 'localhost' })
  defer({ close: async () => socket.close() })
  await socket.bind(address)
  const { input, heard } = await gatewayFor(`tcp://${name}:${socket.lastEndpoint?.split(':').at(-1)}`)
  await input.follow('user:42')
  await until('it is heard', async () => {
    await socket.send('42|1')
    return heard.length > 0
  })
})

/** Speaks when user `go` is followed, and says what it is told. */
const PYTHON = `
import sys, zmq
socket = zmq.Context.instance().socket(zmq.XPUB)
socket.setsockopt(zmq.HEARTBEAT_IVL, 100)
socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 400)
socket.bind('tcp://127.0.0.1:*')
print(socket.getsockopt(zmq.LAST_ENDPOINT).decode().strip(chr(0)), flush=True)
while True:
    told = socket.recv()
    print(('+' if told[0] else '-') + told[1:].decode(), flush=True)
    if told == b'\\x01go|':
        socket.send(b'42|"short"')
        socket.send_multipart([b'42|', b'{}', ('"' + 'y' * 900000 + '"').encode()])
`

test('an XPUB of pyzmq hears filters come and go, is heard, and is answered when it asks whether we are there', async () => {
  const child = spawn(requirePython('zmq'), ['-c', PYTHON], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  defer({
    async close() {
      child.kill('SIGKILL')
      await gone
    },
  })
  const told: string[] = []
  createInterface(child.stdout).on('line', (line) => told.push(line))
  await until('it has an address', () => told.length > 0)
  const { input, heard, count } = await gatewayFor(told[0] ?? '')
  await input.follow('user:42')
  await until('it is told', () => told.includes('-!ready|'))
  await input.follow('user:go')
  await until('both are heard', () => heard.length === 2)
  expect(heard.map((text) => text.length)).toEqual([13, 900_008])
  // Longer than it would wait for an answer.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  input.unfollow('user:42')
  await until('it is told', () => told.includes('-42|'))
  expect(told.slice(1)).toEqual(['+!heartbeat|', '+42|', '+!ready|', '-!ready|', '+go|', '-42|'])
  expect(count('notifier.disconnected')).toBe(0)
})

test('a PING is answered with its context, in the handshake too', async () => {
  const peer = defer(await rawPublisher({ minor: 1 }))
  const { count } = await gatewayFor(peer.address)
  await until('it is connected', () => count('notifier.connected') === 1)
  await peer.sendRaw(encodeCommand('PING', '\0\u000acontext'))
  await until('it is answered', () => peer.bytes.includes(encodeCommand('PONG', 'context')))
  await peer.sendRaw(Buffer.concat([encodeCommand('PONG', 'whatever'), encodeCommand('FUTURE', 'and more')]))
  await peer.sendRaw(encodeCommand('PING'))
  await until('it is answered', () => peer.bytes.includes(encodeCommand('PONG')))
})

test('a notifier that is heard byte by byte is understood', async () => {
  const peer = defer(await rawPublisher())
  const { input, heard, count } = await gatewayFor(peer.address)
  await input.follow('user:42')
  await until('it is connected', () => count('notifier.connected') === 1)
  for (const byte of Buffer.from('\u0001\u000342|\u0001\u0002{}\0\u000a"piece"   \0\u000442|1')) {
    await peer.sendRaw(Buffer.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until('both are heard', () => heard.length === 2)
  expect(heard).toEqual(['42 <- "piece"   ', '42 <- 1'])
})

/** What old versions begin with, and how they write a message. */
const OLD = [
  [
    'ZMTP 2',
    Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 1, 0, 0]),
    (text: string) => Buffer.concat([Buffer.of(0, text.length), Buffer.from(text)]),
  ],
  ['ZMTP 1', Buffer.from([1, 0]), (text: string) => Buffer.concat([Buffer.of(text.length + 1, 0), Buffer.from(text)])],
] as const

test.each(OLD)(
  'a notifier that speaks %s is heard, through libzmq, beside one that speaks ours',
  async (_, greeting, write) => {
    const old = defer(await rawPublisher({ greeting }))
    const young = defer(await testNotifier())
    const { input, heard, origins, seen } = await gatewayFor(old.address, young.address)
    await input.follow('user:42')
    await until('the old one is told', () => old.bytes.includes('42|'))
    await until('the young one is told', () => young.filters.has('42|'))
    const numbers = Array.from({ length: 1_000 }, (_, n) => n)
    for (const n of numbers) {
      await old.sendRaw(write(`42|${n}`))
      await young.send(`42|${n}`)
    }
    await until('all are heard', () => heard.length === 2_000)
    for (const { address } of [old, young])
      expect(heard.filter((_, n) => origins[n]?.source === address)).toEqual(numbers.map((n) => `42 <- ${n}`))
    expect(seen.filter(([name]) => name === 'notifier.reconnected')).toEqual([
      ['notifier.reconnected', { address: old.address, reason: expect.stringContaining('speak') }],
    ])
    await input.follow('user:43')
    await until('the old one is told', () => old.bytes.includes('43|'))
    old.disconnect()
    await until('it is told again', () => old.bytes.includes('43|') && old.bytes.includes('42|'))
  },
)
