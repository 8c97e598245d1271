import { type Address, EVERYONE, userAddress } from './core/address.ts'
import { asGatewayError, GatewayError } from './core/errors.ts'
import type { Events } from './core/events.ts'
import { helloOf, notificationOf } from './core/feed.ts'
import { Feeds } from './core/feeds.ts'
import type { Follows } from './core/follows.ts'
import type { Hub } from './core/hub.ts'
import type { Counts, ListQuery, Mark, Opening, Page } from './core/inbox.ts'
import { networkOf } from './core/network.ts'
import type { Clock, Connection, Inbox, Reception, SessionResolver } from './core/ports.ts'
import { RateLimit } from './core/rateLimit.ts'
import type { Handshake, Session } from './core/session.ts'
import { SessionWatch } from './core/sessionWatch.ts'
import { Tally } from './core/tally.ts'
import { Turnstile } from './core/turnstile.ts'
import { type Held, WaitingRoom } from './core/waitingRoom.ts'
import { recognise } from './user.ts'

export interface GatewayParts {
  readonly resolvers: readonly SessionResolver[]
  readonly hub: Hub
  readonly follows: Follows
  readonly events: Events
  readonly clock: Clock
  /** From 0 up to 1: spreads when sessions are judged again. */
  readonly random: () => number
  readonly inbox: Inbox
  /** Browsers that are to come back, or to start over, do so spread over this time. */
  readonly spreadMs: number
  /** 0 is none. */
  readonly limits: { readonly perUser: number; readonly perAddress: number; readonly handshakesPerSecond: number }
  /** How often the session of each connection is judged again, about. */
  readonly sessionCheckMs: number
}

/** Whoever comes back after a restart comes with everybody else, and live notifications shall not wait for their history. */
const READ_AT_ONCE = 4

/** What we keep of a connection while it stays. */
interface Stay {
  readonly addresses: readonly Address[]
  /** The inputs have been told that somebody here waits at these addresses. */
  readonly followed: Promise<unknown>
}

/**
 * What a client may ask: knock → admit → open → welcome → list, mark, renew → close. Transports bring the browsers, the
 * gateway knows the rules.
 */
export class Gateway implements Reception {
  readonly #parts: GatewayParts
  readonly #stays = new Map<Connection, Stay>()
  readonly #perUser = new Tally()
  readonly #perNetwork = new Tally()
  readonly #newcomers = new Tally()
  readonly #handshakes: RateLimit
  readonly #feeds: Feeds
  readonly #waitingRoom = new WaitingRoom()
  readonly #reading = new Turnstile(READ_AT_ONCE)
  readonly #sessions: SessionWatch<Connection>
  #draining = false

  constructor(parts: GatewayParts) {
    this.#parts = parts
    const perSecond = parts.limits.handshakesPerSecond
    this.#handshakes = new RateLimit(perSecond, perSecond)
    this.#feeds = new Feeds(parts)
    this.#sessions = new SessionWatch({
      ...parts,
      everyMs: parts.sessionCheckMs,
      recognise: (handshake) => recognise(parts.resolvers, handshake),
      onEnd: (connection) => connection.transport.dismiss(connection, { code: 'expired', retryInMs: 0 }),
    })
  }

  /** Newcomers are counted apart from those who stay: one tab too many gets far enough to hear why it is refused. */
  knock(remoteAddress: string, transport: string): () => void {
    const { clock, limits } = this.#parts
    const network = networkOf(remoteAddress)
    const isCrowded = limits.perAddress > 0 && this.#newcomers.of(network) >= limits.perAddress
    if (isCrowded || !this.#handshakes.take(clock.monotonic()))
      throw this.#refuse(tooMany('Too many handshakes at once; come back in a moment.'), remoteAddress, transport)
    this.#newcomers.add(network)
    let waits = true
    return () => {
      if (waits) this.#newcomers.remove(network)
      waits = false
    }
  }

  async admit(handshake: Handshake, transport: string): Promise<Session> {
    try {
      if (this.#draining) throw new GatewayError('draining')
      if (this.#parts.inbox.generation() === undefined) throw new GatewayError('store.unavailable')
      return await recognise(this.#parts.resolvers, handshake)
    } catch (thrown) {
      throw this.#refuse(asGatewayError(thrown), handshake.remoteAddress, transport)
    }
  }

  open(connection: Connection): void {
    const { session, transport, handshake } = connection
    const { remoteAddress } = handshake
    const { hub, follows, events } = this.#parts
    if (!this.#hasPlace(connection)) throw this.#refuse(tooMany(), remoteAddress, transport.name)
    this.#perUser.add(session.user.id)
    this.#perNetwork.add(networkOf(remoteAddress))
    hub.open(connection)
    const addresses = [userAddress(session.user.id), EVERYONE]
    // What comes while its inbox is read is held back, and told after it.
    this.#feeds.enter(session.user.id)
    this.#waitingRoom.enter(connection)
    for (const address of addresses) hub.join(connection, address, this.#waitingRoom)
    const followed = Promise.all(addresses.map((address) => follows.follow(address)))
    this.#stays.set(connection, { addresses, followed })
    this.#sessions.watch(connection, handshake, session)
    events.emit('connection.opened', {
      connection: connection.id,
      user: session.user.id,
      transport: transport.name,
      via: session.via,
    })
  }

  async welcome(connection: Connection): Promise<void> {
    const { hub, inbox, events } = this.#parts
    const { session, handshake, transport } = connection
    await this.#stays.get(connection)?.followed
    try {
      while (hub.isOpen(connection)) {
        const opening = await this.#reading.pass(async () =>
          hub.isOpen(connection) ? inbox.open(session.user.id, handshake.since ?? null) : null,
        )
        if (opening === null || !hub.isOpen(connection)) return
        if (this.#feeds.seat(connection, opening)) return this.#seat(connection, opening)
      }
    } catch (error) {
      events.emit('inbox.unreadable', { user: session.user.id, error })
      if (hub.isOpen(connection)) transport.dismiss(connection, { code: 'drain', retryInMs: this.#retryInMs() })
    }
  }

  list(connection: Connection, query: ListQuery): Promise<Page> {
    return this.#parts.inbox.list(connection.session.user.id, query)
  }

  mark(connection: Connection, mark: Mark): Promise<Counts> {
    return this.#parts.inbox.mark(connection.session.user.id, mark)
  }

  renew(connection: Connection, token: string): Promise<Session> {
    return this.#sessions.renew(connection, { token })
  }

  close(connection: Connection, reason: string): void {
    const stay = this.#stays.get(connection)
    if (stay === undefined) return
    const { id, session, transport, handshake } = connection
    this.#stays.delete(connection)
    this.#sessions.forget(connection)
    this.#parts.hub.close(connection)
    this.#feeds.leave(connection)
    this.#waitingRoom.leave(connection)
    for (const address of stay.addresses) this.#parts.follows.unfollow(address)
    this.#perUser.remove(session.user.id)
    this.#perNetwork.remove(networkOf(handshake.remoteAddress))
    this.#parts.events.emit('connection.closed', {
      connection: id,
      user: session.user.id,
      transport: transport.name,
      reason,
    })
  }

  /** From now on everybody who comes is asked to come back. Those who are here stay until their transport closes. */
  drain(): void {
    this.#draining = true
    this.#parts.events.emit('gateway.draining', { connections: this.#stays.size })
  }

  stop(): void {
    this.#feeds.close()
  }

  get isDraining(): boolean {
    return this.#draining
  }

  /** How many users have at least one connection here. */
  get users(): number {
    return this.#perUser.size
  }

  #hasPlace({ session, handshake: { remoteAddress } }: Connection): boolean {
    const { perUser, perAddress } = this.#parts.limits
    return (
      (perUser === 0 || this.#perUser.of(session.user.id) < perUser) &&
      (perAddress === 0 || this.#perNetwork.of(networkOf(remoteAddress)) < perAddress)
    )
  }

  /** Hello, history, what was held back, then live: in one tick, so that nothing comes in between. */
  #seat(connection: Connection, opening: Opening): void {
    const { hub, inbox } = this.#parts
    const { session, transport } = connection
    const { position, items } = opening
    transport.greet(connection, helloOf(connection, opening))
    if (opening.mode === 'resumed')
      for (const item of items) {
        transport.write([connection], notificationOf(session.user.id, item, position.epoch))
        inbox.noteSent(session.user.id, item.seq, 1)
      }
    const held = this.#waitingRoom.leave(connection)
    if (held === null) transport.dismiss(connection, { code: 'slow', retryInMs: this.#retryInMs() })
    for (const each of held ?? []) this.#release(connection, each, opening)
    for (const address of this.#stays.get(connection)?.addresses ?? []) hub.join(connection, address)
  }

  #release(connection: Connection, held: Held, { position, counts }: Opening): void {
    if ('change' in held) {
      if (held.change.rev > counts.rev) connection.transport.report([connection], held.change)
    } else if (held.notification.kept === undefined || held.notification.kept.seq > position.seq)
      connection.transport.write([connection], held.notification)
  }

  #retryInMs = () => Math.floor(this.#parts.random() * this.#parts.spreadMs)

  #refuse(error: GatewayError, remoteAddress: string, transport: string): GatewayError {
    this.#parts.events.emit('connection.refused', { transport, remoteAddress, code: error.code, reason: error.reason })
    if (error.code === 'internal') this.#parts.events.emit('gateway.failed', { during: 'admit', error: error.cause })
    return error
  }
}

const tooMany = (message?: string) => new GatewayError('limit.connections', message === undefined ? {} : { message })
