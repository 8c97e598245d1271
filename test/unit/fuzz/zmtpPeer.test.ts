import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { Peer } from '../../../src/zeromq/zmtp/peer.ts'
import { ZmtpError } from '../../../src/zeromq/zmtp/zmtpError.ts'
import { bitten, fuzz } from '../../support/fuzz.ts'
import { encodeCommand, encodeMessage, greetingOf, propertiesOf } from '../../support/rawZmtp.ts'

const BOUNDS = { maxMessageBytes: 10_000, maxParts: 8 }
const READY = encodeCommand('READY', propertiesOf('PUB'))
const said = fc
  .array(
    fc.constantFrom(
      encodeMessage('42|', '{}', '"x"'),
      encodeMessage(`42|"${'x'.repeat(300)}"`),
      encodeCommand('PING', '\0\u000ax'),
      encodeCommand('ERROR', '\u0002no'),
      READY,
    ),
    { maxLength: 6 },
  )
  .map((frames) => Buffer.concat([greetingOf(1), READY, ...frames]))
const pieces = fc.tuple(fc.oneof(said, bitten(said)), fc.nat()).map(([bytes, n]) => {
  const at = n % (bytes.length + 1)
  return [bytes.subarray(0, at), bytes.subarray(at)]
})

test('whatever a peer says, its connection ends by itself or with a reason, and its messages are within bounds (fuzz)', async () => {
  const server = createServer((socket) => void say(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let next: readonly Buffer[] = []
  const say = async (socket: Socket) => {
    socket.on('error', () => {}).resume()
    for (const piece of next) {
      socket.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    socket.end()
  }
  const reasons = new Set<string>()
  await fuzz(
    fc.asyncProperty(pieces, async (pieces) => {
      next = pieces
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      const faults: unknown[] = []
      const error = await new Promise<Error | undefined>((resolve) => {
        new Peer({
          socket,
          role: { socketType: 'SUB', partners: new Set(['PUB']), heartbeat: { everyMs: 1_000, missed: 3 } },
          bounds: BOUNDS,
          onReady: () => {},
          onMessage: (parts) => expect(parts.length).toBeLessThanOrEqual(BOUNDS.maxParts),
          onClose: (_, error) => resolve(error),
          onFault: (fault) => faults.push(fault),
        })
      })
      expect(faults).toEqual([])
      if (error !== undefined && !('code' in error)) expect(error).toBeInstanceOf(ZmtpError)
      reasons.add(error?.message ?? 'none')
    }),
    0.25,
  )
  expect(reasons.size).toBeGreaterThan(5)
  await new Promise((resolve) => server.close(resolve))
})
