import { hash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { publicId } from '../core/draft.ts'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import type { Copy, Counts, InboxState, Kept, Life, ListQuery, Mark, Opening, Page } from '../core/inbox.ts'
import type { Position } from '../core/notification.ts'
import type { Clock, Inbox } from '../core/ports.ts'
import { Asking, type AskingOptions, type Calls } from './asking.ts'
import type { RedisChannels } from './channels.ts'
import { claimOf, claimsOf } from './claims.ts'
import { IdIndex } from './idIndex.ts'
import { parseItems, parseLife, parseMeta, printHead, stateOf } from './inboxText.ts'
import { inboxKey } from './keys.ts'
import {
  END,
  type Outgoing,
  printArgument,
  printArguments,
  printAscii,
  printCount,
  printLength,
  type Reply,
} from './resp.ts'
import type { Script } from './scripts.ts'
import { type SentNote, SentNotes } from './sentNotes.ts'

export interface RedisInboxOptions extends AskingOptions {
  readonly channels: RedisChannels
  /** How long a notification stands. */
  readonly standsMs: number
  /** More bytes of bodies than these are not resumed, and not put on one page. */
  readonly maxResumeBytes: number
  readonly clock: Clock
  /** In place of the store's own clock. */
  readonly storeNow: () => number | undefined
}

/** In one round trip. */
const BATCH = 100
const PAGE = 50
/** Of one id. */
const MAX_LIVES = 1_000

/** Kept notifications in Redis: one script call for each operation on each inbox, wholly or not at all. */
export function redisInbox(options: RedisInboxOptions): Inbox & { close(): Promise<void> } {
  const asking = new Asking(options)
  const index = new IdIndex({ ...options, asking })
  const sent = new SentNotes(options.clock, (notes) => asking.runAll(tellings(options.prefix, [...notes])))
  return {
    generation: () => options.generation.current(),
    onGeneration: (changed) => options.generation.onChange(changed),
    keep: (copies) => asking.runAll(new Keeping(asking, index, copies)),
    open: (user, since) => open(asking, options, user, since),
    list: (user, query) => list(asking, options, user, query),
    mark: (user, what) => mark(asking, user, what),
    states: (users) => states(asking, options, users),
    noteSent: (user, seq, devices) => sent.note(user, seq, devices),
    async lives(id) {
      // What was noted a moment ago belongs to the story.
      await sent.flush()
      return lives(asking, index, id)
    },
    onRing: (hear) => options.channels.onRing(hear),
    async close() {
      await Promise.all([sent.flush(), index.close()])
    },
  }
}

/** All of it is asked in this turn: what is kept next for one of these users comes after it. */
export class Keeping implements Calls<readonly Kept[]> {
  readonly name = 'keep'
  readonly count: number
  readonly #asking: Asking
  readonly #index: IdIndex
  readonly #copies: readonly Copy[]
  /** What the copies of one notification share is printed once. */
  #printed: Printed | undefined

  constructor(asking: Asking, index: IdIndex, copies: readonly Copy[]) {
    this.count = copies.length
    this.#asking = asking
    this.#index = index
    this.#copies = copies
  }

  write(out: Outgoing, i: number, script: Script): void {
    const copy = this.#copies[i] as Copy
    const { count, before, after } = this.#print(copy)
    out.text(this.#asking.begin(script, copy.user, count))
    out.text(before)
    out.bytes(copy.body)
    out.text(after)
  }

  read(replies: readonly Reply[]): Kept[] {
    return this.#copies.map((copy, i) => {
      const kept = parseKept(copy.user, `${replies[i]}`)
      // A duplicate's original may have been stored by who never heard of it, or died before it was noted.
      if (kept.outcome !== 'conflict') this.#index.note(publicId(copy, copy.id), copy.user, copy.ttlMs)
      return kept
    })
  }

  #print(copy: Copy): Printed {
    if (this.count === 1) return printCopy(copy)
    if (this.#printed === undefined || !isLike(copy, this.#printed.copy)) this.#printed = printCopy(copy)
    return this.#printed
  }
}

/** What of a call is the same for all users: the arguments before the body, with the head of that, and those after it. */
interface Printed {
  readonly copy: Copy
  readonly count: number
  readonly before: string
  readonly after: string
}

function printCopy(copy: Copy): Printed {
  const { source, id, body, ttlMs, collapse, acceptedAt } = copy
  const claim = claimOf(copy)
  const head = printHead(publicId(copy, id), copy)
  const field = printArgument(`i${claim}`)
  const accepted = printAscii(`${digestOf(body)} ${acceptedAt}`)
  const size = printArgument(`${body.length} ${claim}`)
  const before = `${field}${accepted}${size}${printLength(Buffer.byteLength(head) + body.length)}${head}`
  if (ttlMs === undefined && collapse === undefined) return { copy, count: 4, before, after: END }
  // The source's length keeps it and the key apart.
  const key = collapse === undefined ? '' : `${source.length}:${source}:${collapse}`
  return { copy, count: 6, before, after: `${printArguments([ttlMs ?? 0, key])}${END}` }
}

/** As the copies of one notification are, but for their users. */
const isLike = (one: Copy, other: Copy) =>
  one.body === other.body &&
  one.id === other.id &&
  one.source === other.source &&
  one.type === other.type &&
  one.ttlMs === other.ttlMs &&
  one.collapse === other.collapse &&
  one.acceptedAt === other.acceptedAt

async function open(
  asking: Asking,
  { maxResumeBytes }: RedisInboxOptions,
  user: string,
  since: Position | null | 'snapshot',
): Promise<Opening> {
  const answer = await asking.run('open', user, [...openingOf(since), maxResumeBytes, PAGE])
  const [mode, meta, now, ...items] = listOf(answer)
  return {
    ...stateOf(parseMeta(bytesOf(meta)), Number(`${now}`)),
    mode: `${mode}` as Opening['mode'],
    items: parseItems(items),
  }
}

function openingOf(since: Position | null | 'snapshot'): readonly [mode: string, epoch: string, seq: number] {
  if (since === null) return ['fresh', '', 0]
  const isPosition = since !== 'snapshot' && Number.isSafeInteger(since.seq) && since.seq >= 0
  return isPosition ? ['since', since.epoch, since.seq] : ['snapshot', '', 0]
}

async function list(
  asking: Asking,
  { maxResumeBytes }: RedisInboxOptions,
  user: string,
  { before, limit, filter }: ListQuery,
): Promise<Page> {
  const from = before === undefined ? '+' : Math.max(before, 1)
  const [meta, next, ...items] = listOf(await asking.run('list', user, [from, limit, filter, maxResumeBytes]))
  return {
    epoch: parseMeta(bytesOf(meta)).position.epoch,
    items: parseItems(items),
    next: `${next}` === '' ? undefined : Number(`${next}`),
  }
}

async function mark(asking: Asking, user: string, { op, ids, upTo }: Mark): Promise<Counts> {
  if (upTo !== undefined && !(Number.isSafeInteger(upTo.seq) && upTo.seq >= 0)) throw new GatewayError('inbox.position')
  const position = upTo === undefined ? [0, '', 0] : [1, upTo.epoch, upTo.seq]
  const answer = bytesOf(await asking.run('mark', user, [op, ...position, ...ids.flatMap(claimsOf)]))
  const refusal = REFUSALS.get(answer.toString('latin1'))
  if (refusal !== undefined) throw new GatewayError(refusal)
  return parseMeta(answer).counts
}

const REFUSALS: ReadonlyMap<string, ErrorCode> = new Map([
  ['epoch', 'inbox.epoch'],
  ['position', 'inbox.position'],
])

async function states(
  asking: Asking,
  { prefix, storeNow }: RedisInboxOptions,
  users: readonly string[],
): Promise<readonly (InboxState | null)[]> {
  const states: (InboxState | null)[] = []
  for (const batch of batches(users)) {
    const own = asking.generation()
    const { now, found } = await asking.ask((redis) => readMetas(redis, prefix, batch))
    const metas = found.map(async (bytes, i) => {
      const meta = bytes === null ? null : parseMeta(bytes)
      if (meta === null || meta.generation === own) return meta
      const renewed = await asking.run('renew', batch[i] ?? '', [])
      return renewed === null ? null : parseMeta(bytesOf(renewed))
    })
    for (const meta of await Promise.all(metas)) states.push(meta === null ? null : stateOf(meta, storeNow() ?? now))
  }
  return states
}

async function readMetas(redis: Redis, prefix: string, users: readonly string[]) {
  const pipeline = redis.pipeline().time()
  for (const user of users) pipeline.hgetBuffer(inboxKey(prefix, user), 'm')
  const outcomes = (await pipeline.exec()) ?? [[new Error('Connection is closed.')] as const]
  const [time, ...found] = outcomes.map(([error, value]) => {
    if (error !== null) throw error
    return value
  })
  const [seconds = 0, micros = 0] = Array.isArray(time) ? time.map(Number) : []
  const now = seconds * 1_000 + Math.floor(micros / 1_000)
  return { now, found: found.map((bytes) => (Buffer.isBuffer(bytes) ? bytes : null)) }
}

function tellings(prefix: string, notes: readonly (readonly [user: string, told: readonly SentNote[]])[]): Calls<void> {
  return {
    name: 'sent',
    count: notes.length,
    write(out, i, { called }) {
      const [user, told] = notes[i] ?? ['', []]
      const args = [inboxKey(prefix, user), ...told.flat()]
      out.text(`${printCount(3 + args.length)}${called}${printArguments(args)}${END}`)
    },
    read() {},
  }
}

async function lives(asking: Asking, index: IdIndex, id: string): Promise<readonly Life[]> {
  const claims = claimsOf(id)
  const lives: Life[] = []
  let room = MAX_LIVES
  for (const users of batches(await index.usersOf(id))) {
    const answers = await asking.runAll({
      name: 'lives',
      count: users.length,
      write: (out, i, script) => out.text(asking.call(script, users[i] ?? '', claims)),
      read: (replies) => replies,
    })
    for (const [i, user] of users.entries()) {
      const [epoch, ...told] = listOf(answers[i] ?? [])
      if (told.length === 0) continue
      lives.push(...told.map((text) => parseLife(user, `${epoch}`, `${text}`)))
      if (--room === 0) return lives
    }
  }
  return lives
}

/** As keep.lua says it. */
function parseKept(user: string, answer: string): Kept {
  if (answer === 'conflict') return { user, outcome: 'conflict' }
  const [start, end] = [answer.indexOf(' '), answer.lastIndexOf(' ')]
  const position = { epoch: answer.slice(start + 1, end), seq: Number(answer.slice(end + 1)) }
  return { user, outcome: answer.startsWith('stored') ? 'stored' : 'duplicate', position }
}

/** 128 bits are enough to tell bodies apart that somebody sends under one id by mistake. */
const digestOf = (body: Uint8Array) => hash('sha256', body, 'base64url').slice(0, 22)
const listOf = (answer: Reply): readonly Reply[] => (Array.isArray(answer) ? answer : [answer])
const bytesOf = (answer: Reply | undefined): Buffer => (Buffer.isBuffer(answer) ? answer : Buffer.from(`${answer}`))

function* batches<T>(all: readonly T[]): Iterable<readonly T[]> {
  for (let from = 0; from < all.length; from += BATCH) yield all.slice(from, from + BATCH)
}
