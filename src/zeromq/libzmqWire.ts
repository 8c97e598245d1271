import { XSubscriber } from 'zeromq'
import { CAREFUL, needsIpv6, workOffMailbox } from './context.ts'
import { subscribeTo, unsubscribeFrom } from './frames.ts'
import { Line } from './line.ts'
import { Reading } from './reading.ts'
import { SendQueue } from './sendQueue.ts'
import type { Wire, WireParts } from './wire.ts'

const RECEIVE_HIGH_WATER_MARK = 4_000

/**
 * Through libzmq. Each notifier has a socket of its own, so that every message has a known origin and a flood from one
 * fills nobody else's queue. An XSUB without a send high-water mark, because a SUB forgets its filters beyond the
 * thousandth at every reconnect, without a word.
 */
export function libzmqWire(parts: WireParts): Wire {
  const { address, clock } = parts
  const socket = new XSubscriber({
    ...CAREFUL,
    ipv6: needsIpv6(address),
    sendHighWaterMark: 0,
    sendTimeout: 0,
    receiveHighWaterMark: RECEIVE_HIGH_WATER_MARK,
    maxMessageSize: parts.maxMessageBytes,
  })
  const filters = new SendQueue(socket, (error) => parts.onFault('sending a filter', error))
  const line = new Line(socket, address, clock, {
    onUp() {
      workOffMailbox(socket)
      parts.onUp()
    },
    onDown: () => parts.onDown(),
    onRevived: (reason) => parts.onRevived(reason),
  })
  let reading: Reading | undefined
  return {
    get isUp() {
      return line.isUp
    },
    open() {
      for (const recipient of parts.filters()) void filters.push(subscribeTo(recipient))
      line.connect()
      reading = new Reading({
        socket,
        clock,
        hear: (frames) => parts.onMessage(frames),
        fail: (error) => parts.onFault('reading', error),
      })
    },
    subscribe: (recipient) => filters.push(subscribeTo(recipient)),
    unsubscribe: (recipient) => void filters.push(unsubscribeFrom(recipient)),
    reconnect: (reason) => line.reconnect(reason),
    drain: async (patience) => reading?.drain(patience),
    async close() {
      line.close()
      socket.close()
      await reading?.done
    },
  }
}
