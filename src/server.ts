import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Router } from 'express'
import { openBackend } from './backend.ts'
import type { Config } from './config/schema.ts'
import { Events } from './core/events.ts'
import { Follows } from './core/follows.ts'
import { Hub } from './core/hub.ts'
import { Running } from './core/running.ts'
import type { Handshake, Session } from './core/session.ts'
import { Gateway } from './gateway.ts'
import { httpApp, internalApp } from './http/app.ts'
import { openPorts } from './http/ports.ts'
import { memoryBroker } from './memory/broker.ts'
import { systemClock as clock } from './memory/clock.ts'
import { NotificationPipe } from './notificationPipe.ts'
import { logEvents } from './observers/log.ts'
import { type Gauges, metricsOf } from './observers/metrics.ts'
import { requests } from './socketio/requests.ts'
import { SOCKETIO_LIMITS, type SocketioLimits, socketioTransport } from './socketio/transport.ts'
import { recognise } from './user.ts'
import { openPublishers } from './zeromq/publishers.ts'
import { type ZeromqInput, zeromqInput } from './zeromq/subscriber.ts'

export interface RunningServer {
  /** Where it listens, such as `http://127.0.0.1:5886`. */
  readonly url: string
  readonly events: Events
  /** Drains, stops, never rejects. Called again it waits for the same end. */
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Pages beside the API: the demo. */
  readonly pages?: Router
  /** Serves socket.io-client to the demo. */
  readonly serveClient?: boolean
  /** Whom it refuses gets nothing, over HTTP and Socket.IO alike. By default it refuses nobody. */
  readonly admits?: (request: IncomingMessage) => boolean
}

/**
 * A gateway, from its configuration to the first browser: backend → core → ways out → ways in. It stops the other way
 * round, so that what has arrived is delivered before browsers are sent away.
 * @throws StartError one sentence that says what to do
 */
export async function startServer(config: Config, options: ServerOptions = {}): Promise<RunningServer> {
  const began = clock.monotonic()
  const events = new Events()
  const running = new Running(events)
  try {
    running.add({ close: logEvents(events, { ...config.log, clock }).flush })
    running.add({ close: () => events.emit('gateway.stopped', { uptimeMs: clock.monotonic() - began }) })
    const backend = running.add(await openBackend(config, events))
    const publishers = running.add(await openPublishers({ ...config.zeromq, ...backend, clock, events }))

    const { maxBytes, event: eventName } = config.notifications
    const hub = new Hub()
    const broker = running.add(memoryBroker())
    const live = zeromqInput({ publishers, clock, events, maxBytes })
    const follows = new Follows([live, broker], clock, config.zeromq.unfollowAfterMs, (address) => pipe.forget(address))
    const pipe = new NotificationPipe({ hub, broker, events, clock, newId: idMaker(), maxBytes })
    const accept = pipe.accept.bind(pipe)
    running.add(follows)
    const gateway = new Gateway({
      ...config,
      ...backend,
      hub,
      follows,
      events,
      clock,
      random: Math.random,
      epoch: newEpoch(),
    })

    const ports = running.add(await openPorts(config.http))
    const unready = () => [...(gateway.isDraining ? ['draining'] : []), ...backend.missing()]
    const { expose } = running.add(metricsOf(events, gauges(gateway, live, follows)))
    const notifiers = () => live.status()
    const metrics = config.http.internal === null ? expose : null
    const doors = { ...config.http, ...options, unready, notifiers, metrics }
    const http = running.add(httpApp({ ...doors, events, clock, follows, maxBytes }))
    ports.serve(http.app, internalApp({ events, unready, metrics: expose }))

    const origin = { server: ports.server, origins: ports.origins, trustProxy: config.http.trustProxy }
    const browsers = {
      eventName,
      limits: browserLimits(config),
      handlers: requests(gateway),
      serveClient: false,
      ...options,
    }
    const socketio = socketioTransport({ ...origin, ...browsers, reception: gateway, events, clock })
    await running.open(socketio)
    await running.open(live, accept)
    await running.open(http.input, accept)
    running.add({ close: () => gateway.drain() })

    events.emit('gateway.ready', { url: ports.url, ms: clock.monotonic() - began })
    return { url: ports.url, events, stop: () => running.stop() }
  } catch (error) {
    await running.stop()
    throw error
  }
}

/** The registry alone, for gateways that ask one instead of being one. @throws StartError */
export async function startRegistry(config: Config): Promise<{ stop(): Promise<void> }> {
  const events = new Events()
  const running = new Running(events)
  try {
    running.add({ close: logEvents(events, { ...config.log, clock }).flush })
    const backend = running.add(await openBackend(config, events))
    const ours = { ...config.zeromq.registry, serve: true }
    running.add(await openPublishers({ ...config.zeromq, ...backend, registry: ours, clock, events }))
    return { stop: () => running.stop() }
  } catch (error) {
    await running.stop()
    throw error
  }
}

/** Who the configured resolvers take somebody for: the operator's question. @throws GatewayError with a reason */
export async function whoIs(config: Config, handshake: Handshake): Promise<Session> {
  const backend = await openBackend(config, new Events())
  try {
    return await recognise(backend.resolvers, handshake)
  } finally {
    await backend.close()
  }
}

function gauges(gateway: Gateway, live: ZeromqInput, follows: Follows): Gauges {
  return {
    users: () => gateway.users,
    notifiersUp: () => live.status().filter(({ connected }) => connected).length,
    followed: () => follows.size,
  }
}

function browserLimits({ limits, shutdown }: Config): SocketioLimits {
  const { eventsPerSecond, queuedBytes: maxQueuedBytes } = limits
  return { ...SOCKETIO_LIMITS, eventsPerSecond, maxQueuedBytes, retrySpreadMs: shutdown.returnWithinMs }
}

/** Ids for notifications that bring none: unlike any other gateway's, and cheap to make. */
function idMaker(): () => string {
  const life = newEpoch()
  let count = 0
  return () => `${life}-${(++count).toString(36)}`
}

const newEpoch = () => randomBytes(9).toString('base64url')
