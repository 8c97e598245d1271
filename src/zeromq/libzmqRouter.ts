import { setTimeout as pause } from 'node:timers/promises'
import { Router as Socket } from 'zeromq'
import { bind } from './bind.ts'
import { CAREFUL, FLOODED, needsIpv6 } from './context.ts'
import { Reading } from './reading.ts'
import { type Asker, nameIn, type Router, type RouterParts } from './router.ts'

/** A sender may pipeline many requests before it reads its first answer. */
const SEND_HIGH_WATER_MARK = 10_000
const RECEIVE_HIGH_WATER_MARK = 1_000
/** libzmq's own thread writes what was sent, and whoever ends the process does not wait for it. */
const FLUSH_MS = 50
const LINGER_MS = 1_000
const LOST: ReadonlyMap<unknown, 'full' | 'gone'> = new Map([
  ['EAGAIN', 'full'],
  ['EHOSTUNREACH', 'gone'],
])

/** Through libzmq. */
export function libzmqRouter(parts: RouterParts): Router {
  const { address, key, clock } = parts
  const socket = new Socket({
    ...CAREFUL,
    ...FLOODED,
    linger: LINGER_MS,
    ipv6: needsIpv6(address),
    // Who has left is reported, not passed over; who comes back under its old name gets its answers.
    mandatory: true,
    handover: true,
    // Nobody waits for a peer that does not read: what finds no room is dropped, and asked for again.
    sendTimeout: 0,
    sendHighWaterMark: SEND_HIGH_WATER_MARK,
    receiveHighWaterMark: RECEIVE_HIGH_WATER_MARK,
    maxMessageSize: parts.maxMessageBytes,
  })
  let reading: Reading | undefined

  const askerOf = (routingId: Buffer): Asker => {
    const asker: Asker = {
      name: nameIn(routingId) ?? routingId.toString('hex', 0, 32),
      answer(frames) {
        if (socket.closed) return
        socket.send([routingId, ...frames].map((frame) => Buffer.from(frame))).catch((error: unknown) => {
          const reason = LOST.get(codeOf(error))
          if (reason !== undefined) parts.onLost(asker, reason)
          else if (!socket.closed) parts.onFault('answering', error)
        })
      },
    }
    return asker
  }

  return {
    async open() {
      try {
        await bind(socket, address, key)
      } catch (error) {
        socket.close()
        throw error
      }
      reading = new Reading({
        socket,
        clock,
        hear: ([routingId, ...frames]) => parts.onMessage(frames, askerOf(routingId ?? Buffer.alloc(0))),
        fail: (error) => parts.onFault('reading', error),
      })
    },
    drain: async (patience) => reading?.drain(patience),
    async close() {
      if (socket.closed) return
      await pause(FLUSH_MS)
      socket.close()
      await reading?.done
    },
  }
}

const codeOf = (thrown: unknown) =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : ''
