import fc from 'fast-check'
import { Events } from '../../../src/core/events.ts'
import { Follows } from '../../../src/core/follows.ts'
import { Hub } from '../../../src/core/hub.ts'
import type { Counts, Opening, Ring } from '../../../src/core/inbox.ts'
import type { Hello, InboxChange, Notification, Position } from '../../../src/core/notification.ts'
import type { Connection, Inbox, Transport } from '../../../src/core/ports.ts'
import { checkJson } from '../../../src/core/rawJson.ts'
import { Gateway } from '../../../src/gateway.ts'
import { memoryInbox } from '../../../src/memory/inbox.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { fuzz } from '../../support/fuzz.ts'

const USER = '42'
const LOOK_MS = 10_000
/** After it a ring that has not come is lost. */
const RING_MS = 1_000

/** One browser, and everything that it heard. */
class Browser {
  readonly hellos: Hello[] = []
  readonly seqs: number[] = []
  /** Where it began to hear: everything after it is due. */
  from: Position | undefined
  counts: Counts | undefined
  isHere = true

  greet(hello: Hello): void {
    this.hellos.push(hello)
    this.from ??= hello.position
    this.counts = hello.counts
    // What stands in a snapshot is not told again.
    for (const { seq } of hello.items ?? []) if (seq > (this.position?.seq ?? 0)) this.seqs.push(seq)
  }

  hear({ kept }: Notification): void {
    if (kept !== undefined) this.seqs.push(kept.seq)
  }

  report({ counts }: InboxChange): void {
    if (this.counts === undefined || counts.rev > this.counts.rev) this.counts = counts
  }

  get position(): Position | undefined {
    return this.from && { epoch: this.from.epoch, seq: this.seqs.at(-1) ?? this.from.seq }
  }
}

/** A gateway whose store answers late, and whose rings come late or never. */
function world() {
  const clock = fakeClock()
  const events = new Events()
  const hub = new Hub()
  let epochs = 0
  const store = memoryInbox({ clock, newEpoch: () => `epoch-${++epochs}`, keep: 1000, days: 30, maxResumeBytes: 1e9 })
  const rings: Ring[] = []
  const answers: (() => void)[] = []
  let hear = (_ring: Ring): void => {}
  store.onRing((ring) => void rings.push(ring))
  const inbox: Inbox = {
    ...store,
    onRing: (listener) => {
      hear = listener
    },
    async open(user, since): Promise<Opening> {
      const opening = await store.open(user, since)
      await new Promise<void>((resolve) => answers.push(resolve))
      return opening
    },
  }
  const gateway = new Gateway({
    resolvers: [],
    hub,
    follows: new Follows([], clock, 0),
    events,
    clock,
    inbox,
    random: () => 0.5,
    spreadMs: 0,
    sessionCheckMs: 1e9,
    limits: { perUser: 0, perAddress: 0, handshakesPerSecond: 0 },
  })
  const browsers = new Map<Connection, Browser>()
  const each = (connections: readonly Connection[], tell: (browser: Browser) => void) => {
    for (const connection of connections) tell(browsers.get(connection) as Browser)
  }
  const transport: Transport = {
    name: 'test',
    open: async () => {},
    close: async () => {},
    greet: (connection, hello) => each([connection], (browser) => browser.greet(hello)),
    write: (connections, notification) => each(connections, (browser) => browser.hear(notification)),
    report: (connections, change) => each(connections, (browser) => browser.report(change)),
    dismiss: () => {
      throw new Error('nobody is sent away here')
    },
  }
  let ids = 0
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve()
  }
  return {
    store,
    browsers,
    async keep() {
      const body = checkJson(Buffer.from('"hi"'), 99)
      const copy = { user: USER, source: '', type: 't', body, ttlMs: undefined, collapse: undefined, acceptedAt: 0 }
      await store.keep([{ ...copy, id: `n-${++ids}` }])
    },
    async mark() {
      await store.mark(USER, { op: 'read', ids: [`n-${Math.ceil(ids / 2)}`], upTo: undefined })
    },
    /** As a newcomer, or as one that was here and comes back. */
    async come(returns: boolean) {
      const last = [...browsers.values()].filter(({ isHere }) => !isHere).at(-1)
      const since = returns ? last?.position : undefined
      const handshake = {
        cookie: undefined,
        authorization: undefined,
        token: undefined,
        since,
        remoteAddress: '',
        at: 0,
      }
      const session = { user: { id: USER }, via: 'test', expiresAt: undefined }
      const connection: Connection = { id: `tab-${browsers.size}`, session, transport, handshake }
      const browser = new Browser()
      browsers.set(connection, browser)
      gateway.open(connection)
      void gateway.welcome(connection)
      await settle()
    },
    async leave() {
      const here = [...browsers].find(([, { isHere }]) => isHere)
      if (here === undefined) return
      here[1].isHere = false
      gateway.close(here[0], 'test')
    },
    async answer() {
      answers.shift()?.()
      await settle()
    },
    /** Overtaking the others. */
    async answerLast() {
      answers.pop()?.()
      await settle()
    },
    async ring() {
      const ring = rings.shift()
      if (ring !== undefined) hear(ring)
      await settle()
    },
    async lose() {
      rings.shift()
    },
    /** What is under way arrives; then the gateway looks at the positions. */
    async rest() {
      for (let round = 0; round < 6; round++) {
        while (rings.length > 0 || answers.length > 0) {
          while (rings.length > 0) await this.ring()
          while (answers.length > 0) await this.answer()
        }
        clock.advance(LOOK_MS)
        await settle()
        clock.advance(RING_MS)
        await settle()
      }
    },
    stop: () => gateway.stop(),
  }
}

type World = ReturnType<typeof world>
const step = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('keep', 'ring', 'answer') },
  { weight: 2, arbitrary: fc.constantFrom('come', 'return', 'leave', 'mark', 'answerLast') },
  { weight: 1, arbitrary: fc.constant('lose') },
)

function take(scene: World, name: string): Promise<void> {
  if (name === 'come' || name === 'return') return scene.come(name === 'return')
  return scene[name as 'keep' | 'ring' | 'answer' | 'answerLast' | 'leave' | 'mark' | 'lose']()
}

test('whatever is late or lost, every browser hears every kept notification once, in order, and has the right badge (fuzz)', async () => {
  await fuzz(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const scene = world()
      for (const name of steps) await take(scene, name)
      await scene.rest()
      const [state] = await scene.store.states([USER])
      for (const { isHere, hellos, from, seqs, counts } of scene.browsers.values()) {
        if (!isHere) continue
        expect(hellos.length).toBeGreaterThan(0)
        // Nobody starts over unless something was lost.
        if (!steps.includes('lose')) expect(hellos).toHaveLength(1)
        const due = (state?.position.seq ?? 0) - (from?.seq ?? 0)
        expect(seqs).toEqual(Array.from({ length: due }, (_, i) => (from?.seq ?? 0) + i + 1))
        expect(counts).toEqual(state?.counts)
      }
      scene.stop()
    }),
  )
})
