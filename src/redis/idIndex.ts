import type { Redis } from 'ioredis'
import type { Clock } from '../core/ports.ts'
import type { Asking } from './asking.ts'
import { ID_SHARDS, idsKey } from './keys.ts'

export interface IdIndexOptions {
  readonly asking: Pick<Asking, 'ask' | 'tell'>
  readonly prefix: string
  /** How long a notification stands. */
  readonly standsMs: number
  readonly clock: Clock
  /** In place of the store's own clock. */
  readonly storeNow: () => number | undefined
}

/** Of one id on one day. */
export const MAX_USERS = 1_000
/** Notes. What is beyond is not noted: that user is missing in the story of that id, and nothing else. */
export const MAX_NOTES = 50_000
const TELL_AFTER_MS = 100
const RETRY_MS = 1_000
/** In one ZADD. */
const BATCH = 1_000
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const MAX_TTL_MS = 365 * DAY_MS
/** An id is known for a day at least, and here for one more. */
const daysAhead = (ms: number) => Math.ceil(Math.max(ms, DAY_MS) / DAY_MS) + 1

/**
 * Who has something under an id, by the day on which that may be forgotten: sorted sets of which each member is an id and
 * a user. Written in the background, many at once; a gateway that is killed takes with it what it noted in the last
 * tenth of a second.
 */
export class IdIndex {
  readonly #options: IdIndexOptions
  /** How many days ahead any bucket can be. */
  readonly #horizon: number
  /** Members by bucket: days ahead and shard in one number. */
  #notes = new Map<number, Set<string>>()
  #count = 0
  #cancel: (() => void) | undefined
  #telling: Promise<void> | undefined
  #next: Promise<void> | undefined
  #isClosed = false

  constructor(options: IdIndexOptions) {
    this.#options = options
    this.#horizon = daysAhead(Math.max(options.standsMs, MAX_TTL_MS))
  }

  /** `ttlMs` as in a copy. */
  note(id: string, user: string, ttlMs: number | undefined): void {
    const ahead = Math.min(daysAhead(ttlMs ?? this.#options.standsMs), this.#horizon)
    this.#add(ahead * ID_SHARDS + shardOf(id), startOf(id) + user)
    this.#tellIn(TELL_AFTER_MS)
  }

  /** The users, who is known longest first; more than `MAX_USERS` only where they are known for different days. */
  async usersOf(id: string): Promise<readonly string[]> {
    await this.flush()
    const members = await this.#options.asking.ask((redis) => this.#read(redis, id))
    const start = startOf(id).length
    return [...new Set(members.map((member) => member.slice(start)))]
  }

  /** Resolves when everything noted so far was told, or refused: then it is told again later. Never rejects. */
  flush(): Promise<void> {
    if (this.#telling !== undefined) {
      this.#next ??= this.#telling.then(() => {
        this.#next = undefined
        return this.flush()
      })
      return this.#next
    }
    this.#telling = this.#tell().finally(() => {
      this.#telling = undefined
    })
    return this.#telling
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.flush()
  }

  #add(bucket: number, member: string): void {
    if (this.#count === MAX_NOTES) return
    const members = this.#notes.get(bucket) ?? new Set()
    const before = members.size
    if (before === 0) this.#notes.set(bucket, members)
    this.#count += members.add(member).size - before
  }

  #tellIn(ms: number): void {
    if (this.#isClosed) return
    this.#cancel ??= this.#options.clock.later(ms, () => void this.flush())
  }

  async #tell(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#count === 0) return
    const notes = this.#notes
    this.#notes = new Map()
    this.#count = 0
    try {
      await this.#write(notes)
    } catch {
      for (const [bucket, members] of notes) for (const member of members) this.#add(bucket, member)
      this.#tellIn(RETRY_MS)
    }
  }

  async #write(notes: ReadonlyMap<number, ReadonlySet<string>>): Promise<void> {
    const today = await this.#today()
    const commands: string[][] = []
    for (const [bucket, set] of notes) {
      const shard = bucket % ID_SHARDS
      const day = today + (bucket - shard) / ID_SHARDS
      const key = idsKey(this.#options.prefix, day, shard)
      const members = [...set]
      for (let from = 0; from < members.length; from += BATCH) {
        const command = ['ZADD', key]
        for (const member of members.slice(from, from + BATCH)) command.push('0', member)
        commands.push(command)
      }
      // Letting go of a large one takes Redis a moment: not of all in the same.
      commands.push(['PEXPIREAT', key, `${(day + 1) * DAY_MS + shard * MINUTE_MS}`])
    }
    await this.#options.asking.tell(commands)
  }

  async #read(redis: Redis, id: string): Promise<string[]> {
    const today = await this.#today()
    const start = startOf(id)
    // No user's UTF-8 begins with this byte, or any after it.
    const end = Buffer.concat([Buffer.from(`(${start}`), Buffer.of(0xff)])
    const shard = shardOf(id)
    const pipeline = redis.pipeline()
    for (let ahead = this.#horizon; ahead >= 0; ahead--)
      pipeline.zrangebylex(idsKey(this.#options.prefix, today + ahead, shard), `[${start}`, end, 'LIMIT', 0, MAX_USERS)
    return (await outcomesOf(pipeline)).flatMap((members) => (Array.isArray(members) ? members.map(String) : []))
  }

  async #today(): Promise<number> {
    return Math.floor((this.#options.storeNow() ?? (await this.#storesOwnNow())) / DAY_MS)
  }

  async #storesOwnNow(): Promise<number> {
    const [time] = await this.#options.asking.tell([['TIME']])
    return Number(Array.isArray(time) ? `${time[0]}` : undefined) * 1_000
  }
}

/** The length keeps it and the user apart, whatever either is made of. */
const startOf = (id: string) => `${id.length}:${id}`

function shardOf(id: string): number {
  let hash = 0
  for (let i = 0; i < id.length; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) | 0
  return (hash ^ (hash >>> 16)) & (ID_SHARDS - 1)
}

async function outcomesOf(pipeline: ReturnType<Redis['pipeline']>): Promise<unknown[]> {
  const outcomes = await pipeline.exec()
  if (outcomes === null) throw new Error('Connection is closed.')
  return outcomes.map(([error, value]) => {
    if (error !== null) throw error
    return value
  })
}
