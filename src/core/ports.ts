import type { Address } from './address.ts'
import type { Submission } from './draft.ts'
import type { GatewayError } from './errors.ts'
import type { Copy, Counts, InboxState, Kept, Life, ListQuery, Mark, Opening, Page, Ring } from './inbox.ts'
import type { Farewell, Hello, InboxChange, Notification, Position } from './notification.ts'
import type { Handshake, Session } from './session.ts'

/** Every seam between Heraldo and the world outside. The comments are the contracts; `test/contracts` runs them. */

/** Time, passed in so that tests own it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds on a clock that never goes back, with fractions. */
  monotonic(): number
  /** Runs once, after `ms`. Returns what cancels it. Never keeps a process alive. */
  later(ms: number, run: () => void): () => void
}

/**
 * A way in for notifications. It splits its wire into submissions and hands each over, in the order of arrival, without
 * waiting in between: live ones (ZeroMQ PUB) to `accept`, those that want an answer (ROUTER, HTTP) to `submit`. It
 * judges nothing and never throws because of what it was sent.
 */
export interface Input<Hand extends Accept | Submit = Accept> {
  readonly name: string
  open(hand: Hand): Promise<void>
  /** Takes in nothing new, hands over what has arrived, then lets go of its sockets. */
  close(): Promise<void>
}

/** Live: synchronously from the frame to the socket, whatever the submission says of `keep`. Never throws. */
export type Accept = (submission: Submission, origin: Origin) => Receipt

/** Answered: resolves when every copy that is to be kept is stored. Copies for one user keep their order. Never rejects. */
export type Submit = (submission: Submission, origin: Origin) => Promise<Receipt>

/** Where a submission came from. */
export interface Origin {
  /** The input's name; a closed set, fit for a metric's label. */
  readonly input: string
  /** Who said it: a notifier's address, an HTTP client. For the log and for what is limited per source. */
  readonly source: string
  /** `Clock.monotonic` at its arrival. */
  readonly arrivedAt: number
  /** Does every gateway hear this input, or must this one spread what it hears? */
  readonly reach: 'every-node' | 'one-node'
}

/** `duplicate`: no recipient got a new copy. */
export type Receipt =
  | {
      readonly ok: true
      readonly id: string
      readonly duplicate: boolean
      /** Of the kept copies, by recipient as it stands on the wire. */
      readonly positions?: ReadonlyMap<string, Position>
      /** The generation of the store that keeps them. */
      readonly store?: string | undefined
    }
  | {
      readonly ok: false
      /** The sender's own. */
      readonly id: string | undefined
      readonly error: GatewayError
      /** Who is refused, as they stand on the wire, when the others' copies stand. */
      readonly recipients?: readonly string[]
    }

/** Who wants to know at which addresses somebody here waits: inputs with filters, brokers, the pipe. */
export interface Follower {
  /** Issued in the caller's tick, once per address until `unfollow`; resolves when the wire was told. Never rejects. */
  follow(address: Address): Promise<void>
  unfollow(address: Address): void
}

/** Carries what only this gateway heard to the other gateways, and what only they heard to this one. */
export interface Broker extends Follower {
  /** At most once to each other gateway that follows its address, in order per address. Never throws. */
  spread(notification: Notification): void
  onNotification(deliver: (notification: Notification) => void): void
  close(): Promise<void>
}

/** A way out: Socket.IO. It owns its connections and tells the gateway when they come and go. */
export interface Transport {
  readonly name: string
  open(): Promise<void>
  /** Says hello. Everything written later arrives later. */
  greet(connection: Connection, hello: Hello): void
  /**
   * Encodes once, however many connections there are, and queues it on each; order per connection is kept. Opens and
   * closes no connection before it returns, and never throws because of one of them.
   */
  write(connections: readonly Connection[], notification: Notification): void
  /** Tells devices that their user's inbox has changed; encoded once, in order with what is written. */
  report(connections: readonly Connection[], change: InboxChange): void
  /** Says bye, then closes: the transport after `drain` and `slow`, so that clients come back; else for good. */
  dismiss(connection: Connection, farewell: Farewell): void
  /** Refuses newcomers, dismisses everybody with `drain`, waits until the farewells have left. */
  close(): Promise<void>
}

/** What the hub's groups write through: a transport, or what holds notifications back for who is still arriving. */
export type Writer = Pick<Transport, 'write' | 'report'>

/** One browser tab. */
export interface Connection {
  readonly id: string
  readonly session: Session
  readonly transport: Transport
  /** What it came with: by this its session is judged again. */
  readonly handshake: Handshake
}

/** What a transport may ask of the gateway when browsers come and go. */
export interface Reception {
  /**
   * Somebody opens a connection, and has not said yet who it is. Returns what frees its place at the door: to be
   * called when it was admitted or is gone, harmless when called again. @throws GatewayError `limit.connections`
   */
  knock(remoteAddress: string, transport: string): () => void
  /** Who is it? @throws GatewayError `session.…`, `store.unavailable`, `draining` */
  admit(handshake: Handshake, transport: string): Promise<Session>
  /** Takes a place for it, in this tick. @throws GatewayError `limit.connections` */
  open(connection: Connection): void
  /** Follows what concerns it, then greets it and lets it hear in one tick, unless it left meanwhile. Never rejects. */
  welcome(connection: Connection): Promise<void>
  /** A fresh token on a live connection, for the same user. @throws GatewayError as at the handshake */
  renew(connection: Connection, token: string): Promise<Session>
  /** @throws GatewayError as `Inbox.list` */
  list(connection: Connection, query: ListQuery): Promise<Page>
  /** @throws GatewayError as `Inbox.mark` */
  mark(connection: Connection, mark: Mark): Promise<Counts>
  /** It is gone; may be called twice, and for one that was never opened. */
  close(connection: Connection, reason: string): void
}

/**
 * Recognises one kind of credential. Null: none of my kind here, ask the next one. A credential of my kind that is not
 * good is a refusal, and final.
 * @throws GatewayError `session.…` with a reason, or `store.unavailable`
 */
export interface SessionResolver {
  readonly name: string
  resolve(handshake: Handshake): Promise<Session | null>
}

/** Where web applications keep their sessions. We only read. @throws GatewayError `store.unavailable` */
export interface SessionStore {
  /** The bytes at this key; null when there is none. */
  lookup(key: string): Promise<Uint8Array | null>
  /** False while it cannot be reached. */
  isUp(): boolean
  close(): Promise<void>
}

/** A notifier that announced itself. Times are milliseconds since 1970. */
export interface Publisher {
  readonly address: string
  readonly name: string | undefined
  readonly since: number
  readonly lastSeen: number
  /** It is forgotten this long after `lastSeen`; undefined: never (the 2013 form). */
  readonly ttlMs: number | undefined
}

/** Which notifiers there are: what the registry remembers, or what another registry tells us. */
export interface Publishers {
  addresses(): readonly string[]
  /** Called after every change of the list. Returns what stops it. */
  onChange(listener: () => void): () => void
}

/** The registry's memory. What has no lease outlives a restart where the backend can. */
export interface Directory extends Publishers {
  list(): readonly Publisher[]
  /** Adds it, or renews its lease. @throws GatewayError `registry.full` */
  add(publisher: {
    readonly address: string
    readonly name?: string | undefined
    readonly ttlMs?: number | undefined
  }): void
  remove(address: string): void
  close(): Promise<void>
}

/**
 * Every user's kept notifications. Operations on one inbox happen one after the other, each wholly or not at all; each
 * that changes its counts or its items gives a higher `rev` and is rung, once, in that order. Whoever reads or writes an
 * inbox of an earlier generation of the store gives it a new epoch first; the `seq` goes on. What has expired is gone
 * before anything else happens.
 * @throws GatewayError `store.unavailable` from everything that returns a promise; a `keep` that rejects may have been
 *   done, and is repeated safely
 */
export interface Inbox {
  /** Names this life of the store: another one may have forgotten what was acknowledged. undefined: not known (yet). */
  generation(): string | undefined
  /** Called when the generation has become another one. */
  onGeneration(changed: () => void): void
  /**
   * Stores each copy, unless its id is known for that user and source: as long as it stands, and 24 hours at least. A
   * collapse key replaces every earlier unread item with that key and source, archived ones included; beyond
   * `inbox.keep` the oldest are trimmed. What is replaced, trimmed or has expired rings together with the arrival.
   */
  keep(copies: readonly Copy[]): Promise<readonly Kept[]>
  /**
   * Makes the inbox where there is none. Resumes after `since` when everything kept after it can be told: same epoch, no
   * position from the future, nothing trimmed, not more than the bound in bytes. `since` null: not even a page, `fresh`.
   */
  open(user: string, since: Position | null | 'snapshot'): Promise<Opening>
  /** Makes the inbox where there is none. `unread` is what `counts.unread` counts: not what is archived. */
  list(user: string, query: ListQuery): Promise<Page>
  /**
   * Makes the inbox where there is none. Archived items are marked like others; who is refused has marked nothing.
   * @throws GatewayError `inbox.epoch`, `inbox.position`
   */
  mark(user: string, mark: Mark): Promise<Counts>
  /** How these stand, expiring nothing; null: there is no inbox. */
  states(users: readonly string[]): Promise<readonly (InboxState | null)[]>
  /**
   * It was written to so many devices, though it may have left the inbox since. Told to the store in its own time, lost
   * if that is away, and not rung.
   */
  noteSent(user: string, seq: number, devices: number): void
  /**
   * The lives of all copies under an id as browsers see it; at most 1,000 users. Forgotten together with the id. `seen`
   * and `read` are the first time, also when it was marked unread since; what has expired is gone without being looked at.
   */
  lives(id: string): Promise<readonly Life[]>
  /** Rings of followed users reach this gateway, those that it caused included; some may be lost. */
  onRing(hear: (ring: Ring) => void): void
}
