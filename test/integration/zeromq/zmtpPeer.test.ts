import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Peer } from '../../../src/zeromq/zmtp/peer.ts'
import { encodeCommand, encodeMessage, greetingOf, propertiesOf } from '../../support/rawZmtp.ts'
import { closers } from '../../support/zeromq.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

const turns = async (count: number) => {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve))
}

/** One of our ROUTER's connections, and who is at its other end: not read from until the test does. */
async function pair(): Promise<{ peer: Peer; sender: Socket; heard: string[] }> {
  const heard: string[] = []
  let begin = (_: Peer) => {}
  const ready = new Promise<Peer>((resolve) => {
    begin = resolve
  })
  const server = createServer((socket) => {
    new Peer({
      socket,
      role: { socketType: 'ROUTER', partners: new Set(['DEALER']), heartbeat: undefined },
      bounds: { maxMessageBytes: 1_000_000, maxParts: 8 },
      onReady: (peer) => begin(peer),
      onMessage: (parts) => heard.push(parts.join('')),
      onClose: () => {},
      onFault: () => {},
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sender = connect((server.address() as AddressInfo).port, '127.0.0.1')
  defer({
    async close() {
      sender.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  sender.write(Buffer.concat([greetingOf(1), encodeCommand('READY', propertiesOf('DEALER'))]))
  return { peer: await ready, sender, heard }
}

test('what was said before the end arrives, though the other side still talks and reads late', async () => {
  const { peer, sender, heard } = await pair()
  peer.pause()
  sender.write(encodeMessage('a question that nobody reads'))
  const answer = Buffer.alloc(300_000, 'x')
  peer.send([answer])
  const ended = peer.end()
  await Promise.race([ended, turns(50)])
  const read: Buffer[] = []
  sender.on('error', () => {}).on('data', (chunk) => read.push(chunk))
  await once(sender, 'close')
  await ended
  expect(Buffer.concat(read).includes(answer)).toBe(true)
  expect(heard).toEqual([])
})

test('who never takes its leave is left after a second', async () => {
  const { peer, sender } = await pair()
  sender.on('error', () => {}).pause()
  peer.send([Buffer.alloc(900_000, 'x')])
  await peer.end()
  expect(peer.isReady).toBe(false)
})
