import type { Redis } from 'ioredis'
import { isEndpoint } from '../core/endpoint.ts'
import type { Clock, Directory, Publisher } from '../core/ports.ts'
import { type Announcement, MAX_PUBLISHERS, PublisherList } from '../core/publisherList.ts'
import { publishersKey } from './keys.ts'

export interface RedisDirectoryOptions {
  readonly redis: Redis
  readonly prefix: string
  readonly clock: Clock
}

/**
 * The registry's memory that outlives a restart: who announced itself without a lease stands in a Redis hash. Answers
 * come from memory and never wait; what Redis could not be told yet is told when it is back.
 */
export async function redisDirectory(options: RedisDirectoryOptions): Promise<Directory> {
  const directory = new RedisDirectory(options)
  await directory.open()
  return directory
}

const RETRY_MS = 2_000
const GONE = null
/** As long as the hash was never read, any address may stand in it. */
const MAX_UNTOLD = 2 * MAX_PUBLISHERS

class RedisDirectory implements Directory {
  readonly #redis: Redis
  readonly #key: string
  readonly #clock: Clock
  readonly #publishers: PublisherList
  /** What the hash does not say yet: a value to write, or gone. The latest of each address is enough. */
  readonly #untold = new Map<string, string | typeof GONE>()
  /** What the hash holds, or may hold: it was read there, or writing it was tried. */
  readonly #stored = new Set<string>()
  #restored = false
  #closed = false
  #isWorking = false
  #working: Promise<void> = Promise.resolve()
  #cancelRetry = () => {}
  readonly #onReady = () => void this.#catchUp()

  constructor({ redis, prefix, clock }: RedisDirectoryOptions) {
    this.#redis = redis
    this.#key = publishersKey(prefix)
    this.#clock = clock
    this.#publishers = new PublisherList(clock)
  }

  async open(): Promise<void> {
    this.#redis.on('ready', this.#onReady)
    await this.#catchUp()
  }

  async close(): Promise<void> {
    this.#redis.off('ready', this.#onReady)
    await this.#working
    this.#closed = true
    this.#cancelRetry()
    this.#publishers.close()
  }

  addresses(): readonly string[] {
    return this.#publishers.addresses()
  }

  list(): readonly Publisher[] {
    return this.#publishers.list()
  }

  onChange(listener: () => void): () => void {
    return this.#publishers.onChange(listener)
  }

  /** What has a lease announces itself again anyway: it need not stand in the hash, and must not if it once did. */
  add(announcement: Announcement): void {
    const { address, name, since, ttlMs } = this.#publishers.add(announcement)
    if (ttlMs === undefined) this.#tell(address, JSON.stringify({ name, since }))
    else this.#forget(address)
  }

  remove(address: string): void {
    this.#publishers.remove(address)
    this.#forget(address)
  }

  /** Anybody may remove addresses that nobody knows, a million of them: what the hash cannot hold is not noted. */
  #forget(address: string): void {
    const hasRoom = this.#untold.size < MAX_UNTOLD || this.#untold.has(address)
    if (this.#restored ? this.#stored.has(address) : hasRoom) this.#tell(address, GONE)
    else this.#untold.delete(address)
  }

  #tell(address: string, value: string | typeof GONE): void {
    this.#untold.set(address, value)
    void this.#catchUp()
  }

  /** One at a time. It never rejects: whatever Redis has against it, it tries again. */
  #catchUp(): Promise<void> {
    if (this.#isWorking || this.#closed) return this.#working
    this.#isWorking = true
    this.#working = this.#restoreAndTell()
    return this.#working
  }

  async #restoreAndTell(): Promise<void> {
    this.#cancelRetry()
    try {
      if (!this.#restored) await this.#restore()
      for (let [next] = this.#untold; next !== undefined; [next] = this.#untold) {
        const [address, value] = next
        if (value === GONE) await this.#erase(address)
        else await this.#write(address, value)
        // Something newer may have been said while we waited.
        if (this.#untold.get(address) === value) this.#untold.delete(address)
      }
    } catch {
      // Away, full or read-only. The connection's owner reports that; we only have to come back.
      if (!this.#closed) this.#cancelRetry = this.#clock.later(RETRY_MS, () => void this.#catchUp())
    }
    this.#isWorking = false
  }

  /** Noted first: a write that failed may have been done all the same. */
  async #write(address: string, value: string): Promise<void> {
    this.#stored.add(address)
    await this.#redis.hset(this.#key, address, value)
  }

  async #erase(address: string): Promise<void> {
    await this.#redis.hdel(this.#key, address)
    this.#stored.delete(address)
  }

  async #restore(): Promise<void> {
    const hash = await this.#redis.hgetall(this.#key)
    this.#restored = true
    const remembered: Publisher[] = []
    for (const [address, value] of Object.entries(hash)) {
      this.#stored.add(address)
      // What was said since we started is newer.
      if (isEndpoint(address) && !this.#untold.has(address)) remembered.push(parse(address, value, this.#clock.now()))
    }
    this.#publishers.restore(remembered)
  }
}

/** A value that was not written by us costs it its name, not its place. */
function parse(address: string, value: string, now: number): Publisher {
  let known: unknown
  try {
    known = JSON.parse(value)
  } catch {
    known = undefined
  }
  const { name, since }: { name?: unknown; since?: unknown } = typeof known === 'object' && known !== null ? known : {}
  return {
    address,
    name: typeof name === 'string' ? name : undefined,
    since: typeof since === 'number' ? since : now,
    lastSeen: now,
    ttlMs: undefined,
  }
}
