import fc from 'fast-check'
import { type Flags, type Item, type ListQuery, MARK_OPS, type MarkOp, type Ring } from '../../../src/core/inbox.ts'
import { Bench, type Bounds, copyOf, DAY_MS, flagsOf, type InboxUnderTest, json, NEW, seqsOf, textOf } from './bench.ts'
import { AFTER } from './marking.ts'
import { expectChain } from './ringing.ts'

/** So small that everything happens within a few steps: trimming, snapshots because of bytes, age. */
export const SMALL: Bounds = { keep: 3, days: 2, maxResumeBytes: 18 }

interface Sent {
  readonly source: string
  readonly id: string
  readonly body: string
  readonly collapse: string | undefined
  readonly ttlMs: number | undefined
}

export type Step =
  | { readonly does: 'keep'; readonly batch: readonly Sent[] }
  | { readonly does: 'mark'; readonly op: MarkOp; readonly ids: readonly string[]; readonly upTo: number | undefined }
  | { readonly does: 'list'; readonly query: ListQuery }
  | { readonly does: 'open'; readonly since: number | null | 'snapshot' }
  | { readonly does: 'pass'; readonly ms: number }

/** What may happen to one inbox. Time goes by only where it can be wound. */
export function stepsOf({ windable }: { readonly windable: boolean }): fc.Arbitrary<readonly Step[]> {
  const id = fc.constantFrom(...'abcdefghij')
  const seq = fc.integer({ min: -1, max: 12 })
  const sent = fc.record({
    source: fc.constantFrom('', '', 's'),
    id,
    body: fc.constantFrom('1', '1', '1', '2', '"so many bytes.."', '"beyond the bound"'),
    collapse: fc.constantFrom(undefined, 'k', 'k', 'l'),
    ttlMs: windable ? fc.constantFrom(undefined, undefined, 1_000, 3_000, 3 * DAY_MS) : fc.constant(undefined),
  })
  const keep: fc.Arbitrary<Step> = fc.record({
    does: fc.constant<'keep'>('keep'),
    batch: fc.array(sent, { minLength: 1, maxLength: 4 }),
  })
  const mark: fc.Arbitrary<Step> = fc.record({
    does: fc.constant<'mark'>('mark'),
    op: fc.constantFrom(...MARK_OPS),
    ids: fc.array(fc.oneof(id, fc.constant('s:a')), { maxLength: 3 }),
    upTo: fc.option(seq, { nil: undefined, freq: 2 }),
  })
  const list: fc.Arbitrary<Step> = fc.record({
    does: fc.constant<'list'>('list'),
    query: fc.record({
      before: fc.option(seq, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 5 }),
      filter: fc.constantFrom('all', 'unread', 'archived'),
    }),
  })
  const open: fc.Arbitrary<Step> = fc.record({
    does: fc.constant<'open'>('open'),
    since: fc.oneof(seq, fc.constantFrom<(null | 'snapshot')[]>(null, 'snapshot')),
  })
  const pass: fc.Arbitrary<Step> = fc.record({
    does: fc.constant<'pass'>('pass'),
    ms: fc.constantFrom(1, 999, 1_000, 2_000, DAY_MS - 1, DAY_MS),
  })
  return fc.array(fc.oneof(keep, keep, keep, mark, mark, list, open, open, ...(windable ? [pass] : [])), {
    maxLength: 16,
    size: 'max',
  })
}

/** Does the same to an inbox with the bounds SMALL and to the naive model of one, and compares what they answer. */
export async function expectLikeTheModel(under: InboxUnderTest, steps: readonly Step[]): Promise<void> {
  const it = new Bench(under)
  await under.follow('ann')
  const model = new Model()
  for (const step of steps) {
    if (step.does === 'pass') {
      await it.pass(step.ms)
      model.now += step.ms
      // Somebody asks about it now and then: else it is forgotten, and made anew.
      await it.inbox.states(['ann'])
      continue
    }
    model.expire()
    await take(it, model, step)
    const items = await it.items('ann')
    same(items.map(shown), model.items.map(shown))
    same(await it.counts('ann'), recount(items))
  }
  await it.keep(copyOf('ann', 'the last'))
  const view = replay(await it.ringsOf('ann'))
  same(view.map(shown), (await it.items('ann')).map(shown))
}

async function take(it: Bench, model: Model, step: Exclude<Step, { does: 'pass' }>): Promise<void> {
  switch (step.does) {
    case 'keep': {
      const copies = step.batch.map(({ id, body, ...more }) => copyOf('ann', id, body, more))
      const kept = await it.inbox.keep(copies)
      for (const [i, sent] of step.batch.entries()) {
        const one = kept[i]
        const expected = model.known(sent) ?? { outcome: 'stored', seq: model.newest + 1 }
        // An id may be remembered for longer than promised, and its conflict with it.
        if (model.mayBeKnown(sent) && one?.outcome !== 'stored') continue
        same({ outcome: one?.outcome, seq: one && 'position' in one ? one.position.seq : undefined }, expected)
        if (expected.outcome === 'stored') model.store(sent)
      }
      return
    }
    case 'mark': {
      const { epoch } = (await it.inbox.open('ann', null)).position
      const { op, ids, upTo } = step
      const done = it.inbox.mark('ann', { op, ids, upTo: upTo === undefined ? undefined : { epoch, seq: upTo } })
      if (upTo !== undefined && !model.wasGiven(upTo))
        return expect(done).rejects.toMatchObject({ code: 'inbox.position' })
      const { unread, unseen } = await done
      model.mark(op, ids, upTo ?? 0)
      return same([unread, unseen], recount(model.items))
    }
    case 'list': {
      const { items, next } = await it.inbox.list('ann', step.query)
      const { before = Number.POSITIVE_INFINITY, limit, filter } = step.query
      const all = model.items.filter(({ seq, read, archived }) => {
        const isListed = { all: true, unread: !read && !archived, archived }[filter]
        return seq < before && isListed
      })
      const newest = all.map(({ seq }) => seq).reverse()
      same(seqsOf(items), newest.slice(0, items.length))
      const isFair = items.length <= limit && (items.length > 0 || newest.length === 0)
      return same([isFair, next !== undefined], [true, items.length < newest.length])
    }
    case 'open': {
      const { mode, items } =
        typeof step.since === 'number' ? await it.resume('ann', step.since) : await it.inbox.open('ann', step.since)
      return same({ mode, seqs: seqsOf(items) }, model.open(step.since))
    }
  }
}

interface Standing extends Flags {
  readonly seq: number
  readonly id: string
  readonly body: Uint8Array
  readonly sent: Sent
  readonly leavesAt: number
}

/** An inbox as one would write it who needs no speed, no store and no rings. */
class Model {
  now = 0
  newest = 0
  items: Standing[] = []
  #floor = 0
  readonly #ids = new Map<string, { readonly seq: number; readonly body: string; readonly storedAt: number }>()

  expire(): void {
    this.items = this.items.filter(({ leavesAt }) => leavesAt > this.now)
  }

  known({ source, id, body }: Sent): { outcome: string; seq: number | undefined } | undefined {
    const known = this.#ids.get(`${source} ${id}`)
    if (known === undefined || this.mayBeKnown({ source, id })) return undefined
    return known.body === body ? { outcome: 'duplicate', seq: known.seq } : { outcome: 'conflict', seq: undefined }
  }

  /** It was known, and may be forgotten by now. */
  mayBeKnown({ source, id }: Pick<Sent, 'source' | 'id'>): boolean {
    const known = this.#ids.get(`${source} ${id}`)
    if (known === undefined || this.items.some(({ seq }) => seq === known.seq)) return false
    return known.storedAt + DAY_MS <= this.now
  }

  store(sent: Sent): void {
    const { source, id, body, collapse, ttlMs } = sent
    if (collapse !== undefined)
      this.items = this.items.filter((one) => one.read || one.sent.collapse !== collapse || one.sent.source !== source)
    const seq = ++this.newest
    this.#ids.set(`${source} ${id}`, { seq, body, storedAt: this.now })
    const leavesAt = this.now + (ttlMs ?? SMALL.days * DAY_MS)
    this.items.push({ ...NEW, seq, id: source === '' ? id : `${source}:${id}`, body: json(body), sent, leavesAt })
    if (this.items.length > SMALL.keep) this.#floor = this.items.shift()?.seq ?? 0
  }

  wasGiven(seq: number): boolean {
    return seq >= 0 && seq <= this.newest
  }

  mark(op: MarkOp, ids: readonly string[], upTo: number): void {
    this.items = this.items.flatMap((item) => {
      if (item.seq > upTo && !ids.includes(item.id)) return [item]
      const flags = AFTER[op](flagsOf(item))
      return flags === undefined ? [] : [{ ...item, ...flags }]
    })
  }

  open(since: number | null | 'snapshot'): { mode: string; seqs: number[] } {
    if (since === null) return { mode: 'fresh', seqs: [] }
    const missed = this.items.filter(({ seq }) => since === 'snapshot' || seq > since)
    if (since !== 'snapshot' && this.wasGiven(since) && since >= this.#floor && bytesOf(missed) <= SMALL.maxResumeBytes)
      return { mode: 'resumed', seqs: missed.map(({ seq }) => seq) }
    const page = [...this.items]
    while (page.length > 1 && bytesOf(page) > SMALL.maxResumeBytes) page.shift()
    return { mode: 'snapshot', seqs: page.map(({ seq }) => seq) }
  }
}

/** What somebody knows who has heard every ring: each of them has to be right about what stands then. */
function replay(rings: readonly Ring[]): readonly Item[] {
  expectChain(rings, rings[0]?.before)
  const view = new Map<number, Item>()
  for (const { item, changes, counts, position, due } of rings) {
    for (const { seq, ...change } of changes) {
      const known = view.get(seq)
      if (known === undefined) throw new Error(`${seq} changed, and nobody knows it`)
      if ('deleted' in change) view.delete(seq)
      else view.set(seq, { ...known, ...change })
    }
    if (item !== undefined) {
      view.set(item.seq, item)
      same(position.seq, item.seq)
    }
    const items = [...view.values()]
    same([counts.unread, counts.unseen], recount(items))
    const leaving = items.map(({ at, expiresAt }) => expiresAt ?? at + SMALL.days * DAY_MS)
    same(due, items.length === 0 ? undefined : Math.min(...leaving))
  }
  return [...view.values()]
}

/** `expect` at once for each of them would take longer than all that is tested. */
function same(actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual).toEqual(expected)
}

const shown = (item: Pick<Standing, 'seq' | 'id' | 'body'> & Flags) => [
  item.seq,
  item.id,
  textOf(item.body),
  flagsOf(item),
]
const bytesOf = (items: readonly Pick<Standing, 'body'>[]) => items.reduce((bytes, { body }) => bytes + body.length, 0)
function recount(items: readonly Flags[]): [unread: number, unseen: number] {
  const active = items.filter(({ archived }) => !archived)
  return [active.filter(({ read }) => !read).length, active.filter(({ seen }) => !seen).length]
}
