import { XPublisher } from 'zeromq'
import type { Submission } from '../../src/core/draft.ts'
import { Events, type GatewayEvents } from '../../src/core/events.ts'
import type { Accept, Clock, Origin, Publishers } from '../../src/core/ports.ts'
import { type ZeromqInput, zeromqInput } from '../../src/zeromq/subscriber.ts'
import { until } from './until.ts'

/** A notifier as the SDK builds it: an XPUB that reads all the time what is subscribed. */
export interface TestNotifier {
  readonly address: string
  /** What gateways have told it, in order: `+42|`, `-42|`. */
  readonly told: string[]
  /** The filters that stand now. */
  readonly filters: Set<string>
  send(...frames: readonly (string | Uint8Array)[]): Promise<void>
  close(): Promise<void>
}

export async function testNotifier(address = 'tcp://127.0.0.1:*'): Promise<TestNotifier> {
  const socket = new XPublisher({ linger: 0, sendHighWaterMark: 100_000, receiveHighWaterMark: 0 })
  // libzmq lets go of an address some moments after its socket was closed.
  await until(`${address} is free`, () =>
    socket.bind(address).then(
      () => true,
      () => false,
    ),
  )
  const told: string[] = []
  const filters = new Set<string>()
  const listening = (async () => {
    for await (const [message] of socket) {
      const topic = `${message?.subarray(1)}`
      const subscribed = message?.[0] === 1
      told.push(`${subscribed ? '+' : '-'}${topic}`)
      if (subscribed) filters.add(topic)
      else filters.delete(topic)
    }
  })()
  return {
    address: socket.lastEndpoint ?? address,
    told,
    filters,
    send: (...frames) => socket.send(frames.map((frame) => Buffer.from(frame))),
    async close() {
      socket.close()
      await listening.catch(() => {})
    },
  }
}

/** A list of notifiers that the test changes. */
export function listOf(...initial: readonly string[]): Publishers & { set(...addresses: readonly string[]): void } {
  let addresses = initial
  const listeners = new Set<() => void>()
  return {
    addresses: () => addresses,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    set(...next) {
      addresses = next
      for (const listener of listeners) listener()
    },
  }
}

/** The zeromq input, open, and everything that it says. */
export interface TestGateway {
  readonly input: ZeromqInput
  /** What was accepted: `42 <- body`. */
  readonly heard: string[]
  readonly origins: Origin[]
  readonly submissions: Submission[]
  readonly seen: RecordedEvent[]
  count(name: keyof GatewayEvents): number
}

export type RecordedEvent = { readonly [N in keyof GatewayEvents]: readonly [N, GatewayEvents[N]] }[keyof GatewayEvents]

const WATCHED = [
  'notifier.added',
  'notifier.removed',
  'notifier.refused',
  'notifier.connected',
  'notifier.disconnected',
  'notifier.suspect',
  'notifier.reconnected',
  'notification.refused',
  'notification.unfollowed',
  'registry.changed',
  'registry.refused',
  'registry.silent',
  'gateway.failed',
] as const

/** Events, and all of ours that were emitted. */
export function recordedEvents(): { events: Events; seen: RecordedEvent[] } {
  const events = new Events()
  const seen: RecordedEvent[] = []
  for (const name of WATCHED) events.on(name, (facts) => seen.push([name, facts] as RecordedEvent))
  return { events, seen }
}

/** The two ways over which a notifier may be heard, for `describe.each`: with their value of `fast`. */
export const WIRES = [
  ['our own ZMTP', true],
  ['libzmq', false],
] as const

export async function testGateway(
  publishers: Publishers,
  clock: Clock,
  { fast }: { fast?: boolean } = {},
): Promise<TestGateway> {
  const { events, seen } = recordedEvents()
  const heard: string[] = []
  const origins: Origin[] = []
  const submissions: Submission[] = []
  const accept: Accept = (submission, origin) => {
    heard.push(`${submission.to} <- ${Buffer.from(submission.body)}`)
    origins.push(origin)
    submissions.push(submission)
    return { ok: true, id: 'x', duplicate: false }
  }
  const input = zeromqInput({ publishers, clock, events, maxBytes: 65_536, fast })
  await input.open(accept)
  return {
    input,
    heard,
    origins,
    submissions,
    seen,
    count: (name) => seen.filter(([seenName]) => seenName === name).length,
  }
}

/** Closes what a test opened, last things first. */
export function closers(): { defer<T extends { close(): Promise<void> }>(thing: T): T; closeAll(): Promise<void> } {
  const things: { close(): Promise<void> }[] = []
  return {
    defer(thing) {
      things.push(thing)
      return thing
    },
    async closeAll() {
      for (const thing of things.splice(0).reverse()) await thing.close()
    },
  }
}
