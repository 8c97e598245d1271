import { createHash } from 'node:crypto'
import { publicId } from '../core/draft.ts'
import type { Copy, Kept } from '../core/inbox.ts'
import type { Clock, Inbox } from '../core/ports.ts'
import type { RawJson } from '../core/rawJson.ts'
import { IdHolders } from './idHolders.ts'
import { ringsInOrder } from './ringsInOrder.ts'
import { DAY_MS, type InboxBounds, UserInbox } from './userInbox.ts'
import { SWEEP_MS, UserInboxes } from './userInboxes.ts'

export interface MemoryInboxOptions extends InboxBounds {
  readonly clock: Clock
  /** A text of at least 72 random bits, another one each time. */
  readonly newEpoch: () => string
}

/**
 * Inboxes in this process's own memory: a restart forgets them, and is another generation. An inbox in which nothing
 * stands, of which no id is remembered and which nobody used for `days`, and a day at least, is forgotten.
 */
export function memoryInbox({ clock, newEpoch, ...bounds }: MemoryInboxOptions): Inbox & { close(): void } {
  const generation = newEpoch()
  const holders = new IdHolders()
  const bell = ringsInOrder()
  const inboxes = new UserInboxes(Math.max(bounds.days, 1) * DAY_MS, (user, now) => {
    return new UserInbox({ user, epoch: newEpoch(), now, bounds, onForgotten: (id) => holders.remove(id, user) })
  })
  let stopSweeping = clock.later(SWEEP_MS, sweep)

  /** What may change an inbox: after what is due has gone, and before it rings. */
  function change<T>(inbox: UserInbox, run: (now: number) => T): T {
    const now = clock.now()
    inbox.expire(now)
    try {
      return run(now)
    } finally {
      const ring = inbox.takeRing(now)
      if (ring !== undefined) bell.ring(ring)
    }
  }

  const settle = (inbox: UserInbox) => change(inbox, () => {})

  function settled(user: string): UserInbox {
    const inbox = inboxes.findOrMake(user, clock.now())
    settle(inbox)
    return inbox
  }

  function keepOne(copy: Copy, digest: string): Kept {
    const inbox = inboxes.findOrMake(copy.user, clock.now())
    return change(inbox, (now) => {
      const kept = inbox.keep(copy, digest, now)
      if (kept.outcome === 'stored') holders.add(publicId(copy, copy.id), copy.user)
      return kept
    })
  }

  function sweep(): void {
    inboxes.sweep(clock.now(), settle)
    stopSweeping = clock.later(SWEEP_MS, sweep)
  }

  return {
    generation: () => generation,
    onGeneration() {},
    async keep(copies) {
      const digestOf = digests()
      return copies.map((copy) => keepOne(copy, digestOf(copy.body)))
    },
    open: async (user, since) => settled(user).open(since, clock.now()),
    list: async (user, query) => settled(user).list(query),
    async mark(user, mark) {
      const inbox = inboxes.findOrMake(user, clock.now())
      change(inbox, (now) => inbox.mark(mark, now))
      return inbox.state(clock.now()).counts
    },
    states: async (users) => users.map((user) => inboxes.find(user, clock.now())?.state(clock.now()) ?? null),
    noteSent: (user, seq, devices) => inboxes.find(user, clock.now())?.noteSent(seq, devices, clock.now()),
    lives: async (id) => holders.of(id).flatMap((user) => settled(user).lives(id)),
    onRing: bell.onRing,
    close: () => stopSweeping(),
  }
}

/** Bodies are compared by this; the copies of one batch often share theirs. */
function digests(): (body: RawJson) => string {
  const known = new Map<RawJson, string>()
  return (body) => {
    const digest = known.get(body) ?? createHash('sha256').update(body).digest('base64')
    known.set(body, digest)
    return digest
  }
}
