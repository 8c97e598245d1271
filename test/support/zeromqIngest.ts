import { Dealer } from 'zeromq'
import type { Submission } from '../../src/core/draft.ts'
import type { Clock, Origin, Receipt, Submit } from '../../src/core/ports.ts'
import { systemClock } from '../../src/memory/clock.ts'
import { type ZeromqIngestOptions, zeromqIngest } from '../../src/zeromq/ingest.ts'
import { freePort } from './redisServer.ts'
import { until } from './until.ts'
import { recordedEvents } from './zeromq.ts'

/** A body limit that fits on a line. */
export const MAX_BYTES = 1_000

export type Taken = Submission & { readonly origin: Origin }
type Answer = (submission: Submission, count: number) => Receipt | Promise<Receipt>

/** An ingest socket in front of a store that is a function of the test's. */
export async function ingestFor(
  answer: Answer = (_, count) => ({ ok: true, id: `n-${count}`, duplicate: false }),
  options: Partial<ZeromqIngestOptions> & { readonly clock?: Clock } = {},
) {
  const { events, seen } = recordedEvents()
  const dropped: string[] = []
  events.on('reply.dropped', ({ source, reason }) => void dropped.push(`${source} ${reason}`))
  const address = options.address ?? `tcp://127.0.0.1:${await freePort()}`
  const taken: Taken[] = []
  const submit: Submit = async (submission, origin) => {
    taken.push({ ...submission, origin })
    return answer(submission, taken.length)
  }
  const input = zeromqIngest({ address, clock: systemClock, events, maxBytes: MAX_BYTES, ...options })
  await input.open(submit)
  return { address, input, taken, dropped, seen, close: () => input.close() }
}

/** A DEALER that reads its replies all the time. */
export interface Sender {
  /** A text or bytes go out as they are, anything else as JSON. */
  send(...frames: readonly unknown[]): Promise<void>
  /** What came back, each with the frames before it. */
  readonly replies: { readonly envelope: readonly Buffer[]; readonly reply: unknown }[]
  /** Sends, and resolves with the next reply. */
  ask(...frames: readonly unknown[]): Promise<unknown>
  close(): Promise<void>
}

export function sender(address: string, routingId?: string): Sender {
  const own = routingId === undefined ? {} : { routingId }
  const socket = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0, ...own })
  socket.connect(address)
  const replies: { envelope: readonly Buffer[]; reply: unknown }[] = []
  const listening = (async () => {
    for await (const frames of socket)
      replies.push({ envelope: frames.slice(0, -1), reply: JSON.parse(`${frames.at(-1)}`) })
  })()
  const send = (...frames: readonly unknown[]) => socket.send(frames.map(frame))
  return {
    replies,
    send,
    async ask(...frames) {
      const before = replies.length
      await send(...frames)
      await until('it is answered', () => replies.length > before)
      return replies[before]?.reply
    },
    async close() {
      socket.close()
      await listening.catch(() => {})
    },
  }
}

export const frame = (value: unknown) =>
  typeof value === 'string' || value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(JSON.stringify(value))
