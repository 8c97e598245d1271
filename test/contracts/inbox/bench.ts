import type { Copy, Flags, Item, Life, ListQuery, MarkOp, Opening, Ring } from '../../../src/core/inbox.ts'
import type { Inbox } from '../../../src/core/ports.ts'
import { checkJson, type RawJson } from '../../../src/core/rawJson.ts'
import { until } from '../../support/until.ts'

export const DAY_MS = 86_400_000

/** As an inbox is configured; `days` may be a fraction, so that a test need not wait for them. */
export interface Bounds {
  readonly keep: number
  readonly days: number
  readonly maxResumeBytes: number
}

export const BOUNDS: Bounds = { keep: 60, days: 3, maxResumeBytes: 2_000 }

export interface InboxUnderTest {
  readonly inbox: Inbox
  /** Winds the store's clock; undefined: nobody can. */
  readonly advance: ((ms: number) => void) | undefined
  /** Resolves when the rings of this user arrive. */
  follow(user: string): Promise<void>
  close(): Promise<void>
}

/** An empty inbox with these bounds. */
export type MakeInbox = (bounds: Bounds) => Promise<InboxUnderTest>

export const json = (text: string): RawJson => checkJson(Buffer.from(text), 1_048_576)
export const textOf = (body: Uint8Array): string => `${Buffer.from(body)}`
/** A JSON string of so many bytes. */
export const bodyOfBytes = (bytes: number): string => `"${'x'.repeat(bytes - 2)}"`

export const copyOf = (user: string, id: string, body = '{}', more: Partial<Copy> = {}): Copy => ({
  user,
  source: '',
  id,
  type: 'message',
  body: json(body),
  ttlMs: undefined,
  collapse: undefined,
  acceptedAt: 1_763_000_000_000,
  ...more,
})

export const NEW: Flags = { read: false, seen: false, archived: false }
export const flagsOf = ({ read, seen, archived }: Flags): Flags => ({ read, seen, archived })
export const seqsOf = (items: readonly Item[]): number[] => items.map(({ seq }) => seq)
export const bodiesOf = (items: readonly Item[]): string[] => items.map(({ body }) => textOf(body))
export const byUser = (lives: readonly Life[]): Life[] => [...lives].sort((a, b) => (a.user < b.user ? -1 : 1))
/** What left the inbox with this ring. */
export const deletedBy = ({ changes }: Ring): number[] =>
  changes.flatMap((change) => ('deleted' in change ? [change.seq] : [])).sort((a, b) => a - b)

/** An inbox with what tests ask it all the time. */
export class Bench {
  readonly under: InboxUnderTest
  readonly inbox: Inbox
  readonly rings: Ring[] = []

  constructor(under: InboxUnderTest) {
    this.under = under
    this.inbox = under.inbox
    this.inbox.onRing((ring) => this.rings.push(ring))
  }

  /** Keeps one after the other, and says where they stand; `conflict` where they do not. */
  async keep(...copies: readonly Copy[]): Promise<(number | 'conflict')[]> {
    const kept = await this.inbox.keep(copies)
    return kept.map((one) => (one.outcome === 'conflict' ? 'conflict' : one.position.seq))
  }

  /** So many of them, `n1` upwards, their seq as the body. */
  async fill(user: string, count: number): Promise<void> {
    await this.keep(...Array.from({ length: count }, (_, i) => copyOf(user, `n${i + 1}`, `${i + 1}`)))
  }

  /** Everything that stands there, oldest first. */
  async items(user: string, filter: ListQuery['filter'] = 'all'): Promise<Item[]> {
    const items: Item[] = []
    for (let before: number | undefined; ; ) {
      const page = await this.inbox.list(user, { before, limit: 100, filter })
      items.push(...page.items)
      if (page.next === undefined) return items.reverse()
      before = page.next
    }
  }

  async seqs(user: string, filter: ListQuery['filter'] = 'all'): Promise<number[]> {
    return seqsOf(await this.items(user, filter))
  }

  async mark(user: string, op: MarkOp, ...ids: string[]): Promise<void> {
    await this.inbox.mark(user, { op, ids, upTo: undefined })
  }

  /** How it stands; it has to be there. */
  async state(user: string) {
    const [state] = await this.inbox.states([user])
    if (state === null || state === undefined) throw new Error(`${user} has no inbox`)
    return state
  }

  async counts(user: string): Promise<[unread: number, unseen: number]> {
    const { counts } = await this.state(user)
    return [counts.unread, counts.unseen]
  }

  /** Opens it from a seq of its own epoch. */
  async resume(user: string, seq: number): Promise<Opening> {
    const { position } = await this.inbox.open(user, null)
    return this.inbox.open(user, { epoch: position.epoch, seq })
  }

  /** So much time goes by in the store. */
  async pass(ms: number): Promise<void> {
    if (this.under.advance !== undefined) return this.under.advance(ms)
    const now = async () => (await this.inbox.open('who asks for the time', null)).now
    const end = (await now()) + ms
    await until(`${ms} ms have gone by in the store`, async () => (await now()) >= end)
  }

  /** All rings of this user so far; the last of them tells how the inbox stands now. */
  async ringsOf(user: string): Promise<Ring[]> {
    const { counts } = await this.state(user)
    const own = () => this.rings.filter((ring) => ring.user === user)
    await until(`${user} hears rev ${counts.rev}`, () => own().some((ring) => ring.counts.rev >= counts.rev))
    return own()
  }
}

/** A bench for each test of the suite around it, with everything on it made before and closed after. */
export function benches(make: MakeInbox): {
  readonly its: () => Bench
  readonly other: (bounds: Bounds) => Promise<Bench>
} {
  let open: Bench[] = []
  const other = async (bounds: Bounds) => {
    const bench = new Bench(await make(bounds))
    open.push(bench)
    return bench
  }
  beforeEach(() => other(BOUNDS))
  afterEach(async () => {
    for (const { under } of open) await under.close()
    open = []
  })
  const its = () => {
    const [bench] = open
    if (bench === undefined) throw new Error('outside a test')
    return bench
  }
  return { its, other }
}

export type Benches = ReturnType<typeof benches>
