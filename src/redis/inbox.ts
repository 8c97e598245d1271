import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { publicId } from '../core/draft.ts'
import { GatewayError } from '../core/errors.ts'
import type { Copy, Counts, InboxState, Kept, Life, ListQuery, Mark, Opening, Page, Ring } from '../core/inbox.ts'
import type { Position } from '../core/notification.ts'
import type { Clock, Inbox } from '../core/ports.ts'
import type { RedisChannels } from './channels.ts'
import { claimOf, claimsOf } from './claims.ts'
import type { Generation } from './generation.ts'
import { parseItems, parseLife, parseMeta, printHead, stateOf } from './inboxText.ts'
import { channelOfUser, inboxKeys, ownersKey } from './keys.ts'
import { type Argument, type Bytes, type Call, readScript, runScripts, type Script, scripts } from './scripts.ts'
import { SentNotes } from './sentNotes.ts'

export interface RedisInboxOptions {
  readonly redis: Redis
  readonly channels: RedisChannels
  readonly generation: Generation
  readonly prefix: string
  /** Random text that no inbox has had: letters, digits, `-` and `_`. */
  readonly newEpoch: () => string
  /** How many an inbox holds. */
  readonly keep: number
  /** How long one stands. */
  readonly days: number
  /** More bytes of bodies than these are not resumed, and not put on one page. */
  readonly maxResumeBytes: number
  readonly clock: Clock
  /** Something that Redis should never say: a fault of ours, or of its own. */
  readonly onFault: (error: unknown) => void
  /** Added to the store's clock, in milliseconds: for who cannot wait for it. */
  readonly skewMs?: () => number
}

const DAY_MS = 86_400_000
/** In one round trip. */
const BATCH = 100
const PAGE = 50
const MAX_OWNERS = 1_000
/** Redis says so when it cannot, or cannot now; whatever else it says is a fault. */
const EXPECTED =
  /OOM|MISCONF|READONLY|LOADING|NOREPLICAS|MASTERDOWN|BUSY|NOAUTH|NOPERM|CLUSTERDOWN|timed out|Connection is closed|writeable|closed|ECONN|EPIPE|Socket/

/** Kept notifications in Redis: one script call for each operation on each inbox, wholly or not at all. */
export function redisInbox(options: RedisInboxOptions): Inbox & { close(): Promise<void> } {
  return new RedisInbox(options)
}

class RedisInbox implements Inbox {
  readonly #options: RedisInboxOptions
  readonly #redis: Redis
  readonly #sent: SentNotes

  constructor(options: RedisInboxOptions) {
    this.#options = options
    this.#redis = options.redis
    this.#sent = new SentNotes(options.clock, async (notes) => {
      const skew = this.#skew()
      const calls = [...notes].map(([user, told]) => ({
        script: scripts.sent,
        keys: inboxKeys(options.prefix, user).slice(0, 1),
        args: [skew, ...told.flat()],
      }))
      for (let from = 0; from < calls.length; from += BATCH) {
        await runScripts(this.#redis, calls.slice(from, from + BATCH))
      }
    })
  }

  generation(): string | undefined {
    return this.#options.generation.current()
  }

  onGeneration(changed: () => void): void {
    this.#options.generation.onChange(changed)
  }

  onRing(hear: (ring: Ring) => void): void {
    this.#options.channels.onRing(hear)
  }

  async keep(copies: readonly Copy[]): Promise<readonly Kept[]> {
    const kept: Kept[] = []
    for (let from = 0; from < copies.length; from += BATCH) {
      const batch = copies.slice(from, from + BATCH)
      const answers = await this.#runAll(() => [...this.#keeps(batch), ...this.#owns(batch)])
      kept.push(...batch.map(({ user }, i) => parseKept(user, `${answers[i]}`)))
    }
    return kept
  }

  async open(user: string, since: Position | null | 'snapshot'): Promise<Opening> {
    const [mode, meta, now, ...items] = await this.#read(scripts.open, user, [
      ...openingOf(since),
      this.#options.maxResumeBytes,
      PAGE,
    ])
    return {
      ...stateOf(parseMeta(`${meta}`), Number(now)),
      mode: `${mode}` as Opening['mode'],
      items: parseItems(items),
    }
  }

  async list(user: string, { before, limit, filter }: ListQuery): Promise<Page> {
    const [meta, next, ...items] = await this.#read(scripts.list, user, [
      before === undefined ? '+' : Math.max(before, 1),
      limit,
      filter,
      this.#options.maxResumeBytes,
    ])
    return {
      epoch: parseMeta(`${meta}`).position.epoch,
      items: parseItems(items),
      next: `${next}` === '' ? undefined : Number(`${next}`),
    }
  }

  async mark(user: string, { op, ids, upTo }: Mark): Promise<Counts> {
    if (upTo !== undefined && !(Number.isSafeInteger(upTo.seq) && upTo.seq >= 0)) {
      throw new GatewayError('inbox.position')
    }
    const answer = await this.#run(scripts.mark, user, [
      op,
      upTo === undefined ? 0 : 1,
      upTo?.epoch ?? '',
      upTo?.seq ?? 0,
      ...ids.flatMap(claimsOf),
    ])
    if (answer === 'epoch' || answer === 'position') throw new GatewayError(`inbox.${answer}`)
    return parseMeta(`${answer}`).counts
  }

  async states(users: readonly string[]): Promise<readonly (InboxState | null)[]> {
    const states: (InboxState | null)[] = []
    for (let from = 0; from < users.length; from += BATCH) {
      states.push(...(await this.#states(users.slice(from, from + BATCH))))
    }
    return states
  }

  noteSent(user: string, seq: number, devices: number): void {
    this.#sent.note(user, seq, devices)
  }

  async lives(id: string): Promise<readonly Life[]> {
    await this.#sent.flush()
    const owners = await this.#ask(() => this.#redis.zrange(ownersKey(this.#options.prefix, id), '0', '-1'))
    const claims = claimsOf(id)
    const lives: Life[] = []
    for (let from = 0; from < owners.length; from += BATCH) {
      const users = owners.slice(from, from + BATCH)
      const answers = await this.#runAll(() => users.map((user) => this.#call(scripts.lives, user, claims)))
      for (const [i, user] of users.entries()) {
        const [epoch = '', ...told] = answers[i] as string[]
        lives.push(...told.map((text) => parseLife(user, epoch, text)))
      }
    }
    return lives
  }

  async close(): Promise<void> {
    await this.#sent.close()
  }

  #keeps(copies: readonly Copy[]): Call[] {
    return copies.map((copy) =>
      this.#call(scripts.keep, copy.user, [
        claimOf(copy),
        digestOf(copy.body),
        copy.acceptedAt,
        copy.ttlMs ?? 0,
        // The source's length keeps the two apart.
        copy.collapse === undefined ? '' : `${copy.source.length}:${copy.source}:${copy.collapse}`,
        printHead(publicId(copy, copy.id), copy.type, copy.collapse),
        copy.body,
      ]),
    )
  }

  /** Notes by id who has something under it, each id once. */
  #owns(copies: readonly Copy[]): Call[] {
    const byId = new Map<string, { readonly users: Set<string>; standsMs: number }>()
    for (const copy of copies) {
      const id = publicId(copy, copy.id)
      const owned = byId.get(id) ?? { users: new Set(), standsMs: 0 }
      owned.users.add(copy.user)
      owned.standsMs = Math.max(owned.standsMs, Math.min(copy.ttlMs ?? Number.POSITIVE_INFINITY, this.#standsMs()))
      byId.set(id, owned)
    }
    return [...byId].map(([id, { users, standsMs }]) => ({
      script: scripts.owners,
      keys: [ownersKey(this.#options.prefix, id)],
      args: [MAX_OWNERS, standsMs + DAY_MS, ...users],
    }))
  }

  async #states(users: readonly string[]): Promise<readonly (InboxState | null)[]> {
    const { prefix } = this.#options
    const own = this.#known()
    const [time, ...texts] = await this.#ask(() =>
      Promise.all([this.#redis.time(), ...users.map((user) => this.#redis.hget(inboxKeys(prefix, user)[0], 'm'))]),
    )
    const [seconds = 0, micros = 0] = time
    const now = seconds * 1_000 + Math.floor(micros / 1_000) + this.#skew()
    return Promise.all(
      users.map(async (user, i) => {
        let text = texts[i]
        if (text === null || text === undefined) return null
        if (parseMeta(text).generation !== own) text = `${await this.#run(scripts.renew, user, [])}`
        return text === '' ? null : stateOf(parseMeta(text), now)
      }),
    )
  }

  /** One operation on one inbox, answered in items. */
  #read(script: Script, user: string, args: readonly Argument[]): Promise<readonly Bytes[]> {
    return this.#ask(() => readScript(this.#redis, this.#call(script, user, args)))
  }

  async #run(script: Script, user: string, args: readonly Argument[]): Promise<unknown> {
    const [answer] = await this.#runAll(() => [this.#call(script, user, args)])
    return answer
  }

  #runAll(calls: () => readonly Call[]): Promise<readonly unknown[]> {
    return this.#ask(() => runScripts(this.#redis, calls()))
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    this.#known()
    try {
      return await question()
    } catch (error) {
      if (error instanceof GatewayError) throw error
      const reason = error instanceof Error ? error.message : `${error}`
      if (!EXPECTED.test(reason)) this.#options.onFault(error)
      // The error itself carries the command, and so what was to be kept; its message does not.
      throw new GatewayError('store.unavailable', { cause: reason })
    }
  }

  #call(script: Script, user: string, args: readonly Argument[]): Call {
    const { prefix, newEpoch, keep } = this.#options
    return {
      script,
      keys: inboxKeys(prefix, user),
      args: [channelOfUser(prefix, user), this.#skew(), this.#known(), newEpoch(), keep, this.#standsMs(), ...args],
    }
  }

  #known(): string {
    const known = this.#options.generation.current()
    if (known === undefined) throw new GatewayError('store.unavailable', { cause: 'its generation is not known' })
    return known
  }

  #skew(): number {
    return this.#options.skewMs?.() ?? 0
  }

  #standsMs(): number {
    return Math.round(this.#options.days * DAY_MS)
  }
}

function openingOf(since: Position | null | 'snapshot'): readonly [mode: string, epoch: string, seq: number] {
  if (since === null) return ['fresh', '', 0]
  const isPosition = since !== 'snapshot' && Number.isSafeInteger(since.seq) && since.seq >= 0
  return isPosition ? ['since', since.epoch, since.seq] : ['snapshot', '', 0]
}

function parseKept(user: string, answer: string): Kept {
  const [outcome, epoch = '', seq] = answer.split(' ')
  if (outcome === 'conflict') return { user, outcome }
  return { user, outcome: outcome === 'stored' ? 'stored' : 'duplicate', position: { epoch, seq: Number(seq) } }
}

/** 128 bits are enough to tell bodies apart that somebody sends under one id by mistake. */
const digestOf = (body: Uint8Array) => createHash('sha256').update(body).digest('base64url').slice(0, 22)
