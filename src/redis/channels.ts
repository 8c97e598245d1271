import type { Redis } from 'ioredis'
import type { Address } from '../core/address.ts'
import type { Ring } from '../core/inbox.ts'
import type { Notification } from '../core/notification.ts'
import type { Clock } from '../core/ports.ts'
import { parseRing } from './inboxText.ts'
import { channelOf } from './keys.ts'
import { parseSpread } from './spreadText.ts'

export interface ChannelsOptions {
  /** For this alone: who subscribes can say nothing else. It must not subscribe again by itself. */
  readonly redis: Redis
  readonly prefix: string
  readonly clock: Clock
  /** Something was published there that is none of ours, or Redis lets nobody subscribe. */
  readonly onFault: (error: unknown) => void
}

/** What gateways tell each other about the addresses that this one follows, all over one connection. */
export interface RedisChannels {
  /** Resolves when Redis has confirmed it, or is away: then it is told when it is back. Never rejects. */
  follow(address: Address): Promise<void>
  unfollow(address: Address): void
  onRing(hear: (ring: Ring) => void): void
  /** `node`: who spread it. */
  onSpread(hear: (notification: Notification, node: string) => void): void
  isUp(): boolean
  close(): Promise<void>
}

export function redisChannels(options: ChannelsOptions): RedisChannels {
  return new Channels(options)
}

/** Channels in one command. */
const BATCH = 1_000
const RETRY_MS = 2_000
/** A connection that ended without a word says nothing for ever; asked something, it is found out. */
const PING_MS = 5_000
const RING = 'R'.charCodeAt(0)

class Channels implements RedisChannels {
  readonly #options: ChannelsOptions
  readonly #redis: Redis
  readonly #wanted = new Map<string, Address>()
  /** What this connection was told to subscribe, confirmed or not. */
  readonly #told = new Set<string>()
  /** About these something was decided in this tick. */
  #undecided = new Set<string>()
  #telling: Promise<void> | undefined
  /** The last SUBSCRIBE of each channel that is not confirmed yet. */
  readonly #confirming = new Map<string, Promise<void>>()
  readonly #hearRing: ((ring: Ring) => void)[] = []
  #hearSpread: (notification: Notification, node: string) => void = () => {}
  #cancelRetry = () => {}
  #cancelPing: () => void

  constructor(options: ChannelsOptions) {
    this.#options = options
    this.#redis = options.redis
    this.#redis.on('messageBuffer', this.#onMessage)
    this.#redis.on('ready', this.#onReady)
    this.#redis.on('close', this.#onClose)
    this.#cancelPing = options.clock.later(PING_MS, this.#ping)
    if (this.#redis.status === 'ready') this.#onReady()
  }

  follow(address: Address): Promise<void> {
    const channel = channelOf(this.#options.prefix, address)
    this.#wanted.set(channel, address)
    return this.#decide(channel).then(() => this.#confirming.get(channel))
  }

  unfollow(address: Address): void {
    const channel = channelOf(this.#options.prefix, address)
    this.#wanted.delete(channel)
    void this.#decide(channel)
  }

  onRing(hear: (ring: Ring) => void): void {
    this.#hearRing.push(hear)
  }

  onSpread(hear: (notification: Notification, node: string) => void): void {
    this.#hearSpread = hear
  }

  isUp(): boolean {
    return this.#redis.status === 'ready'
  }

  async close(): Promise<void> {
    this.#redis.off('messageBuffer', this.#onMessage)
    this.#redis.off('ready', this.#onReady)
    this.#redis.off('close', this.#onClose)
    this.#cancelPing()
    this.#cancelRetry()
    this.#redis.disconnect()
  }

  /** Everything of one tick becomes few commands. */
  #decide(channel: string): Promise<void> {
    this.#undecided.add(channel)
    this.#telling ??= Promise.resolve().then(() => this.#tell())
    return this.#telling
  }

  #tell(): void {
    const undecided = [...this.#undecided]
    this.#undecided = new Set()
    this.#telling = undefined
    if (!this.isUp()) return
    for (const channels of batches(
      undecided.filter((channel) => this.#told.has(channel) && !this.#wanted.has(channel)),
    )) {
      for (const channel of channels) this.#told.delete(channel)
      this.#redis.unsubscribe(...channels).catch(this.#onRefusal)
    }
    for (const channels of batches(
      undecided.filter((channel) => !this.#told.has(channel) && this.#wanted.has(channel)),
    )) {
      this.#subscribe(channels)
    }
  }

  #subscribe(channels: readonly string[]): void {
    const confirmed = this.#redis.subscribe(...channels).then(
      () => {},
      (error: unknown) => {
        for (const channel of channels) this.#told.delete(channel)
        this.#onRefusal(error)
      },
    )
    const done = confirmed.then(() => {
      for (const channel of channels) if (this.#confirming.get(channel) === done) this.#confirming.delete(channel)
    })
    for (const channel of channels) {
      this.#told.add(channel)
      this.#confirming.set(channel, done)
    }
  }

  readonly #onReady = () => {
    this.#told.clear()
    for (const channel of this.#wanted.keys()) void this.#decide(channel)
  }

  readonly #onClose = () => this.#told.clear()

  /** A connection that is lost comes back and is told everything; one that stands and refuses is asked again. */
  readonly #onRefusal = (error: unknown) => {
    if (!this.isUp()) return
    this.#options.onFault(error)
    this.#cancelRetry()
    this.#cancelRetry = this.#options.clock.later(RETRY_MS, () => {
      for (const channel of this.#wanted.keys()) void this.#decide(channel)
    })
  }

  readonly #ping = () => {
    this.#cancelPing = this.#options.clock.later(PING_MS, this.#ping)
    // The time-out of the socket does the rest.
    if (this.isUp()) this.#redis.ping().catch(() => {})
  }

  readonly #onMessage = (channel: Buffer, message: Buffer) => {
    const address = this.#wanted.get(`${channel}`)
    if (address === undefined) return
    try {
      const told = message.subarray(1)
      if (message[0] !== RING) return this.#hearSpread(...parseSpread(address, told))
      const ring = parseRing(address.slice('user:'.length), told)
      for (const hear of this.#hearRing) hear(ring)
    } catch (error) {
      this.#options.onFault(error)
    }
  }
}

function* batches(channels: readonly string[]): Iterable<readonly string[]> {
  for (let from = 0; from < channels.length; from += BATCH) yield channels.slice(from, from + BATCH)
}
