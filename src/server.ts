import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Router } from 'express'
import { type Backend, openBackend } from './backend.ts'
import type { Config } from './config/schema.ts'
import { Events } from './core/events.ts'
import { Follows } from './core/follows.ts'
import { Hub } from './core/hub.ts'
import type { Publishers } from './core/ports.ts'
import { Running } from './core/running.ts'
import type { Handshake, Session } from './core/session.ts'
import { Gateway } from './gateway.ts'
import { httpApp, internalApp } from './http/app.ts'
import { openPorts, type Ports } from './http/ports.ts'
import { systemClock as clock } from './memory/clock.ts'
import { NotificationPipe } from './notificationPipe.ts'
import { logEvents } from './observers/log.ts'
import { metricsOf } from './observers/metrics.ts'
import { requests } from './socketio/requests.ts'
import { SOCKETIO_LIMITS, socketioTransport } from './socketio/transport.ts'
import { recognise } from './user.ts'
import { zeromqIngest } from './zeromq/ingest.ts'
import { openPublishers } from './zeromq/publishers.ts'
import { zeromqInput } from './zeromq/subscriber.ts'

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
 * A gateway, from its configuration to the first browser: what it remembers → the core → ways out → ways in. It stops
 * the other way round, so that what has arrived is delivered before browsers are sent away.
 * @throws StartError one sentence that says what to do
 */
export async function startServer(config: Config, options: ServerOptions = {}): Promise<RunningServer> {
  const began = clock.monotonic()
  const events = new Events()
  const running = new Running(events)
  try {
    // The log is the last to stop.
    running.add({ close: logEvents(events, { ...config.log, clock }).flush })

    const backend = running.add(await openBackend(config, events))
    const publishers = running.add(
      await openPublishers({ ...config.zeromq, directory: backend.directory, clock, events }),
    )
    const ports = running.add(await openPorts(config.http))
    const core = running.add(assembleCore(config, backend, publishers, events))
    const doors = running.add(assembleDoors(config, options, backend, core, ports, events))

    // From here on requests are answered; browsers, notifications and senders follow in the next lines.
    ports.serve(doors.http.app, doors.internalApp)
    await running.open(doors.socketio)
    await running.open(core.live, core.accept)
    await running.open(doors.http.input, core.submit)
    const { ingest } = config.zeromq
    if (ingest !== null)
      await running.open(
        zeromqIngest({ address: ingest, clock, events, maxBytes: config.notifications.maxBytes, fast: config.fast }),
        core.submit,
      )
    // The last to start is the first to stop: newcomers are asked to come back before anything else ends.
    running.add({ close: () => core.gateway.drain() })

    events.emit('gateway.ready', { url: ports.url, ms: clock.monotonic() - began })
    return { url: ports.url, events, stop: () => running.stop() }
  } catch (error) {
    await running.stop()
    throw error
  }
}

/** Who is here, what they are told, and whom that makes us listen to. */
function assembleCore(config: Config, backend: Backend, publishers: Publishers, events: Events) {
  const { maxBytes } = config.notifications
  const { inbox, broker, resolvers } = backend
  const hub = new Hub()
  const live = zeromqInput({ publishers, clock, events, maxBytes, fast: config.fast })
  const pipe = new NotificationPipe({ hub, broker, inbox, events, clock, newId: idMaker(), maxBytes })
  const follows = new Follows([live, broker, pipe], clock, config.zeromq.unfollowAfterMs)
  const { limits } = config
  const gateway = new Gateway({
    resolvers,
    hub,
    follows,
    events,
    clock,
    inbox,
    limits,
    sessionCheckMs: limits.sessionCheckSeconds * 1_000,
    spreadMs: config.shutdown.returnWithinMs,
    random: Math.random,
  })
  const close = () => {
    gateway.stop()
    follows.close()
  }
  return { live, follows, gateway, accept: pipe.accept.bind(pipe), submit: pipe.submit.bind(pipe), close }
}

type Core = ReturnType<typeof assembleCore>

/** What can be reached from outside: Socket.IO, the HTTP API, health and metrics. */
function assembleDoors(
  config: Config,
  options: ServerOptions,
  backend: Backend,
  core: Core,
  ports: Ports,
  events: Events,
) {
  const { gateway, live, follows } = core
  const metrics = metricsOf(events, {
    users: () => gateway.users,
    notifiersUp: () => live.status().filter(({ connected }) => connected).length,
    followed: () => follows.size,
  })
  const { expose } = metrics
  const unready = () => [...(gateway.isDraining ? ['draining'] : []), ...backend.missing()]
  const http = httpApp({
    ...options,
    events,
    clock,
    follows,
    inbox: backend.inbox,
    unready,
    keys: config.http.keys,
    trustProxy: config.http.trustProxy,
    maxBytes: config.notifications.maxBytes,
    notifiers: () => live.status(),
    metrics: config.http.internal === null ? expose : null,
  })
  const socketio = socketioTransport({
    serveClient: false,
    ...options,
    events,
    clock,
    server: ports.server,
    origins: ports.origins,
    trustProxy: config.http.trustProxy,
    fast: config.fast,
    eventName: config.notifications.event,
    reception: gateway,
    handlers: requests(gateway),
    limits: {
      ...SOCKETIO_LIMITS,
      eventsPerSecond: config.limits.eventsPerSecond,
      maxQueuedBytes: config.limits.queuedBytes,
      retrySpreadMs: config.shutdown.returnWithinMs,
    },
  })
  const close = async () => {
    metrics.close()
    await http.close()
  }
  return { http, socketio, internalApp: internalApp({ events, unready, metrics: expose }), close }
}

/** The registry alone, for gateways that ask one instead of being one. @throws StartError */
export async function startRegistry(config: Config): Promise<{ stop(): Promise<void> }> {
  const events = new Events()
  const running = new Running(events)
  try {
    running.add({ close: logEvents(events, { ...config.log, clock }).flush })
    const backend = running.add(await openBackend(config, events))
    const ours = { ...config.zeromq.registry, serve: true }
    running.add(await openPublishers({ ...config.zeromq, directory: backend.directory, registry: ours, clock, events }))
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

/** Ids for notifications that bring none: unlike any other gateway's, and cheap to make. */
function idMaker(): () => string {
  const life = newEpoch()
  let count = 0
  return () => `${life}-${(++count).toString(36)}`
}

const newEpoch = () => randomBytes(9).toString('base64url')
