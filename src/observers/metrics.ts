import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Events } from '../core/events.ts'
import { Histogram } from './histogram.ts'

/** What is read when somebody asks. */
export interface Gauges {
  readonly users: () => number
  readonly notifiersUp: () => number
  readonly followed: () => number
}

export interface Metrics {
  expose(): Promise<{ readonly contentType: string; readonly body: string }>
  close(): void
}

const OUTCOMES = ['delivered', 'nobody', 'duplicate', 'refused'] as const
type Outcomes = Record<(typeof OUTCOMES)[number], number>

/** Seconds from a notification's arrival to its last write: 25 µs to 2.5 s. */
const BOUNDS = [
  0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
]

type Sample = readonly [labels: Record<string, string>, value: number]
type Read = () => Iterable<Sample>

/**
 * Counts what happens, for Prometheus. Events only bump fields; prom-client, which hashes labels, sees them when the
 * page is asked for. Labels are the gateway's own words: never a user, a channel or an address.
 */
export function metricsOf(events: Events, gauges: Gauges): Metrics {
  const counts = new Counts()
  const delivery = new Histogram('heraldo_delivery_seconds', 'From arrival to the last write to a connection.', BOUNDS)
  const stop = [...counts.listen(events), listenToDeliveries(events, counts, delivery)]
  const registry = new Registry()
  addGauges(registry, gauges, counts.connections)
  addCounters(registry, counts)
  return {
    async expose() {
      const [own, process] = await Promise.all([registry.metrics(), processMetrics().metrics()])
      return { contentType: registry.contentType, body: `${own}\n${delivery.expose()}\n${process}` }
    },
    close() {
      for (const off of stop) off()
    },
  }
}

class Counts {
  readonly connections = new Map<string, number>()
  readonly byInput = new Map<string, Outcomes>()
  readonly drops = new Map<string, number>()
  readonly refusedConnections = new Map<string, number>()
  deliveries = 0
  gaps = 0
  slowClients = 0
  reconnects = 0
  tailDropped = 0
  repliesDropped = 0
  kept = 0
  keptDuplicates = 0
  inboxRecoveries = 0

  of(input: string): Outcomes {
    let outcomes = this.byInput.get(input)
    if (outcomes === undefined) {
      outcomes = { delivered: 0, nobody: 0, duplicate: 0, refused: 0 }
      this.byInput.set(input, outcomes)
    }
    return outcomes
  }

  listen(events: Events): (() => void)[] {
    return [
      events.on('connection.opened', ({ transport }) => bump(this.connections, transport, 1)),
      events.on('connection.closed', ({ transport }) => bump(this.connections, transport, -1)),
      events.on('notification.duplicate', ({ input }) => void this.of(input).duplicate++),
      events.on('notification.refused', ({ input, code }) => {
        this.of(input).refused++
        bump(this.drops, code, 1)
      }),
      events.on('notification.unfollowed', () => bump(this.drops, 'unfollowed', 1)),
      events.on('notification.kept', ({ recipients, duplicates }) => {
        this.kept += recipients - duplicates
        this.keptDuplicates += duplicates
      }),
      events.on('inbox.recovered', () => void this.inboxRecoveries++),
      events.on('live.gap', ({ missed }) => {
        this.gaps += missed
      }),
      events.on('client.slow', ({ lost }) => {
        this.slowClients++
        bump(this.drops, 'slow', lost)
      }),
      events.on('connection.refused', ({ code }) => bump(this.refusedConnections, code, 1)),
      events.on('notifier.reconnected', () => void this.reconnects++),
      events.on('reply.dropped', () => void this.repliesDropped++),
      events.on('tail.dropped', ({ dropped }) => {
        this.tailDropped += dropped
      }),
    ]
  }
}

/** The hot path: each notification comes by here. */
function listenToDeliveries(events: Events, counts: Counts, delivery: Histogram): () => void {
  return events.on('notification.delivered', ({ input, connections, tookMs }) => {
    const outcomes = counts.of(input)
    if (connections === 0) {
      outcomes.nobody++
      return
    }
    outcomes.delivered++
    counts.deliveries += connections
    delivery.observe(tookMs / 1000)
  })
}

function addGauges(
  registry: Registry,
  { users, notifiersUp, followed }: Gauges,
  connections: ReadonlyMap<string, number>,
): void {
  const add = (name: string, help: string, read: Read, labelNames: string[] = []) =>
    new Gauge(sampled(registry, name, help, read, labelNames))
  add(
    'heraldo_connections',
    'Browsers that are connected.',
    () => [...connections].map(([transport, value]): Sample => [{ transport }, value]),
    ['transport'],
  )
  add('heraldo_users', 'Users with at least one connection.', () => [[{}, users()]])
  add('heraldo_notifiers_up', 'Notifiers whose socket is connected.', () => [[{}, notifiersUp()]])
  add('heraldo_followed_addresses', 'Recipients that the inputs listen for.', () => [[{}, followed()]])
}

function addCounters(registry: Registry, counts: Counts): void {
  const add = (name: string, help: string, read: Read, labelNames: string[] = []) =>
    new Counter(sampled(registry, name, help, read, labelNames))
  const addMap = (name: string, help: string, label: string, map: ReadonlyMap<string, number>) =>
    add(name, help, () => [...map].map(([key, value]): Sample => [{ [label]: key }, value]), [label])

  add(
    'heraldo_notifications_total',
    'Notifications that came in, by recipient.',
    () =>
      [...counts.byInput].flatMap(([input, outcomes]) =>
        OUTCOMES.map((outcome): Sample => [{ input, outcome }, outcomes[outcome]]),
      ),
    ['input', 'outcome'],
  )
  add('heraldo_deliveries_total', 'Writes of a notification to a connection.', () => [[{}, counts.deliveries]])
  add('heraldo_kept_total', 'Copies that were stored in inboxes.', () => [[{}, counts.kept]])
  add('heraldo_kept_duplicates_total', 'Copies that were sent again and stood in their inboxes already.', () => [
    [{}, counts.keptDuplicates],
  ])
  add('heraldo_inbox_recoveries_total', 'Readings of an inbox because its rings were lost on the way.', () => [
    [{}, counts.inboxRecoveries],
  ])
  addMap('heraldo_drops_total', 'Notifications that were not delivered, by reason.', 'reason', counts.drops)
  add('heraldo_live_gaps_total', 'Live notifications that a notifier counted and never arrived.', () => [
    [{}, counts.gaps],
  ])
  addMap('heraldo_connections_refused_total', 'Handshakes that were refused.', 'code', counts.refusedConnections)
  add('heraldo_slow_clients_total', 'Browsers that were cut because they read too slowly.', () => [
    [{}, counts.slowClients],
  ])
  add('heraldo_notifier_reconnects_total', 'Connections to notifiers that the watchdog made anew.', () => [
    [{}, counts.reconnects],
  ])
  add('heraldo_replies_dropped_total', 'Replies whose senders had left, or read none of them.', () => [
    [{}, counts.repliesDropped],
  ])
  add('heraldo_tail_dropped_total', 'Events that slow readers of the tail were not shown.', () => [
    [{}, counts.tailDropped],
  ])
}

/** A metric that holds nothing of its own: it is read anew whenever somebody asks. */
function sampled(registry: Registry, name: string, help: string, read: Read, labelNames: string[]) {
  return {
    name,
    help,
    labelNames,
    registers: [registry],
    collect(this: Counter | Gauge) {
      this.reset()
      for (const [labels, value] of read()) this.inc(labels, value)
    },
  }
}

function bump(map: Map<string, number>, key: string, by: number): void {
  map.set(key, (map.get(key) ?? 0) + by)
}

let ofThisProcess: Registry | undefined

/** Memory, processor, event loop: one for the whole process, because prom-client's watchers cannot be taken away. */
function processMetrics(): Registry {
  if (ofThisProcess === undefined) {
    ofThisProcess = new Registry()
    collectDefaultMetrics({ register: ofThisProcess })
  }
  return ofThisProcess
}
