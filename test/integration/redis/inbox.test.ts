import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { userAddress } from '../../../src/core/address.ts'
import type { Ring } from '../../../src/core/inbox.ts'
import type { Inbox } from '../../../src/core/ports.ts'
import { INBOX_PARTS, inboxKey } from '../../../src/redis/keys.ts'
import { copyOf, deletedBy, seqsOf } from '../../contracts/inbox/bench.ts'
import { PREFIX, type RunningBackend, startBackend } from '../../support/redisBackend.ts'
import { freePort, type RedisServer, startRedis } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'

const UNAVAILABLE = { code: 'store.unavailable', retry: true }
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function server(options: { port?: number; args?: readonly string[] } = {}): Promise<RedisServer> {
  const redis = await startRedis(options)
  closers.push(redis.stop)
  return redis
}

async function gateway(...args: Parameters<typeof startBackend>): Promise<RunningBackend> {
  const backend = await startBackend(...args)
  closers.push(() => backend.close())
  return backend
}

const seqs = async (inbox: Inbox, user = 'ann') =>
  seqsOf((await inbox.list(user, { before: undefined, limit: 100, filter: 'all' })).items)
const inboxKeys = (user: string) => INBOX_PARTS.map((part) => `${inboxKey(PREFIX, user)}${part}`)
const rev = async (inbox: Inbox) => (await inbox.open('ann', null)).counts.rev

/** What was refused is sent again, as a notifier does, until it is taken. */
async function keepAgain(inbox: Inbox, id: string) {
  for (;;) {
    const [kept] = await inbox.keep([copyOf('ann', id, '1')]).catch(() => [])
    if (kept !== undefined) return kept
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('when Redis comes back', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'heraldo-inbox-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('with what it had, every inbox has a new epoch, its seq goes on, and its ids are known', async () => {
    const args = ['--appendonly', 'yes', '--dir', folder]
    const first = await server({ args })
    const { inbox, broker, isUp } = await gateway(first.port)
    await broker.follow(userAddress('ann'))
    const rings: Ring[] = []
    inbox.onRing((ring) => rings.push(ring))
    let changes = 0
    inbox.onGeneration(() => changes++)
    await inbox.keep([copyOf('ann', 'a', '1'), copyOf('ann', 'b', '2')])
    const before = await inbox.open('ann', null)
    const generation = inbox.generation()
    await first.stop()
    await until('it is seen to be away', () => inbox.generation() === undefined)
    await expect(inbox.keep([copyOf('ann', 'c')])).rejects.toMatchObject(UNAVAILABLE)
    await expect(inbox.states(['ann'])).rejects.toMatchObject(UNAVAILABLE)
    await expect(inbox.lives('a')).rejects.toMatchObject(UNAVAILABLE)

    await server({ port: first.port, args })
    await until('it is back', isUp)
    expect(inbox.generation()).not.toBe(generation)
    expect(changes).toBe(1)
    const [state] = await inbox.states(['ann'])
    expect(state?.position).toMatchObject({ seq: 2 })
    expect(state?.position.epoch).not.toBe(before.position.epoch)
    expect(await inbox.open('ann', before.position)).toMatchObject({
      mode: 'snapshot',
      items: [{ seq: 1 }, { seq: 2 }],
    })
    expect(await inbox.keep([copyOf('ann', 'a', '1'), copyOf('ann', 'c')])).toMatchObject([
      { outcome: 'duplicate', position: { epoch: state?.position.epoch, seq: 1 } },
      { outcome: 'stored', position: { epoch: state?.position.epoch, seq: 3 } },
    ])
    await until('the last one rings', () => rings.at(-1)?.position.seq === 3)
    expect(rings.map(({ item }) => item?.seq)).toEqual([1, 2, undefined, 3])
  })

  test('empty, an inbox begins anew, under another epoch and with a higher rev', async () => {
    const first = await server()
    const { inbox, isUp } = await gateway(first.port)
    await inbox.keep([copyOf('ann', 'a')])
    for (let i = 0; i < 20; i++) await inbox.mark('ann', { op: i % 2 ? 'unread' : 'read', ids: ['a'], upTo: undefined })
    const before = await inbox.open('ann', null)
    await first.stop()
    await server({ port: first.port })
    await until('it is back', isUp)
    const after = await inbox.open('ann', before.position)
    expect(after).toMatchObject({ mode: 'snapshot', items: [], position: { seq: 0 } })
    expect(after.position.epoch).not.toBe(before.position.epoch)
    expect(after.counts.rev).toBeGreaterThan(before.counts.rev)
    expect(await inbox.keep([copyOf('ann', 'a')])).toMatchObject([{ outcome: 'stored', position: { seq: 1 } }])
  })

  test('a gateway that began without it keeps, and hears whom it followed meanwhile', async () => {
    const port = await freePort()
    const { inbox, broker, isUp } = await gateway(port, {}, { wait: false })
    await broker.follow(userAddress('ann'))
    expect([isUp(), inbox.generation()]).toEqual([false, undefined])
    await expect(inbox.open('ann', null)).rejects.toMatchObject(UNAVAILABLE)
    const rings: Ring[] = []
    inbox.onRing((ring) => rings.push(ring))
    await server({ port })
    await until('it is there', isUp)
    await broker.follow(userAddress('ann'))
    await inbox.keep([copyOf('ann', 'a')])
    await until('it rings', () => rings.length === 1)
  })
})

describe('while Redis cannot', () => {
  test('keep for want of memory, nothing is half done, and what is sent again is stored once', async () => {
    const { port } = await server()
    const { inbox, redis } = await gateway(port)
    await inbox.keep([copyOf('ann', 'a', '1')])
    await redis.config('SET', 'maxmemory', '1')
    for (const copy of [copyOf('ann', 'b', '1'), copyOf('bob', 'b', '1')])
      await expect(inbox.keep([copy])).rejects.toMatchObject(UNAVAILABLE)
    await expect(inbox.mark('ann', { op: 'read', ids: ['a'], upTo: undefined })).rejects.toMatchObject(UNAVAILABLE)
    expect(await seqs(inbox)).toEqual([1])
    await redis.config('SET', 'maxmemory', '0')
    expect(await inbox.states(['ann', 'bob'])).toMatchObject([{ position: { seq: 1 }, counts: { unread: 1 } }, null])
    expect(await keepAgain(inbox, 'b')).toMatchObject({ outcome: 'stored', position: { seq: 2 } })
    expect(await keepAgain(inbox, 'b')).toMatchObject({ outcome: 'duplicate', position: { seq: 2 } })
  })

  test('write because it is a replica, it is asked for on a new connection until it is the master', async () => {
    const master = await server()
    const replica = await server({ args: ['--replicaof', '127.0.0.1', `${master.port}`] })
    const lost: string[] = []
    const { inbox, redis, events } = await gateway(replica.port)
    events.on('store.lost', ({ store }) => lost.push(store))
    await expect(inbox.keep([copyOf('ann', 'a', '1')])).rejects.toMatchObject(UNAVAILABLE)
    await until('the connection is given up', () => lost.includes('test'))
    await until('it is back', () => redis.status === 'ready')
    await redis.replicaof('NO', 'ONE')
    expect(await keepAgain(inbox, 'a')).toMatchObject({ outcome: 'stored', position: { seq: 1 } })
  })

  test('write any more, those who read go on, and the log says why', async () => {
    const { port } = await server()
    const { inbox, redis, events } = await gateway(port)
    const refused: string[] = []
    let lost = 0
    events.on('store.refused', ({ reason }) => refused.push(reason))
    events.on('store.lost', () => lost++)
    await inbox.keep([copyOf('ann', 'a', '1')])
    await redis.replicaof('127.0.0.1', '1')
    await expect(inbox.keep([copyOf('ann', 'b', '1')])).rejects.toMatchObject(UNAVAILABLE)
    await until(
      'it has looked whether the address leads elsewhere',
      () => lost === 1 && inbox.generation() !== undefined,
    )
    for (let i = 0; i < 5; i++) {
      await expect(inbox.keep([copyOf('ann', `c${i}`, '1')])).rejects.toMatchObject(UNAVAILABLE)
      expect(await seqs(inbox)).toEqual([1])
    }
    expect(new Set(refused)).toEqual(new Set(['READONLY']))
    expect(lost).toBe(1)
  })

  test('answer, a keep is refused in time; sent again it is stored once, whether or not it had been', async () => {
    const { port, pid } = await server()
    const { inbox } = await gateway(port)
    await inbox.keep([copyOf('ann', 'a', '1')])
    process.kill(pid, 'SIGSTOP')
    try {
      await expect(inbox.keep([copyOf('ann', 'b', '1')])).rejects.toMatchObject(UNAVAILABLE)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    expect(await keepAgain(inbox, 'b')).toMatchObject({ position: { seq: 2 } })
    expect(await seqs(inbox)).toEqual([2, 1])
  })

  test('remember our scripts, it is told them again', async () => {
    const { port } = await server()
    const { inbox, redis } = await gateway(port)
    await inbox.keep([copyOf('ann', 'a')])
    await redis.script('FLUSH')
    const users = Array.from({ length: 250 }, (_, i) => `u${i}`)
    const kept = await inbox.keep([copyOf('ann', 'b'), ...users.map((user) => copyOf(user, 'b')), copyOf('ann', 'c')])
    expect(kept.map((one) => 'position' in one && one.position.seq)).toEqual([2, ...users.map(() => 1), 3])
    await redis.script('FLUSH')
    expect(await seqs(inbox)).toEqual([3, 2, 1])
  })

  test('keep what it had, because it evicts: half an inbox is none, and breaks nothing', async () => {
    const { port } = await server()
    const { inbox, redis } = await gateway(port, { keep: 3 })
    const [hash = '', order = ''] = inboxKeys('ann')
    for (const [key, left] of [
      [hash, [1]],
      [order, [4]],
    ] as const) {
      await redis.flushall()
      await inbox.keep(['a', 'b', 'c'].map((id) => copyOf('ann', id)))
      await redis.del(key)
      await inbox.keep([copyOf('ann', 'd')])
      await inbox.mark('ann', { op: 'read', ids: ['a', 'd'], upTo: undefined })
      expect(await seqs(inbox)).toEqual([...left])
      await inbox.keep(['e', 'f', 'g'].map((id) => copyOf('ann', id)))
      expect((await seqs(inbox)).length).toBeGreaterThan(0)
    }
  })
})

describe('what stands in Redis', () => {
  const USERS = ['ann', 'a{b}c', '{}', '}{', '%7B', 'x:order', '\n', 'é😀']

  /** Everything that can happen, to everybody. */
  async function work({ inbox, advance }: RunningBackend): Promise<void> {
    for (let i = 0; i < 40; i++) {
      const more = { ...(i % 3 === 0 && { ttlMs: 1_000 * i }), ...(i % 4 === 0 && { collapse: `k${i % 8}` }) }
      await inbox.keep(USERS.map((user) => copyOf(user, `n${i}`, '1', i % 3 || i % 4 ? more : {})))
      const op = (['read', 'archive', 'delete', 'seen'] as const)[i % 4] ?? 'read'
      for (const user of USERS) await inbox.mark(user, { op, ids: [`n${i - 1}`], upTo: undefined })
      for (const user of USERS) inbox.noteSent(user, i, 2)
      if (i % 10 === 0) advance(3_600_000 * i)
    }
    for (const user of USERS) await inbox.open(user, 'snapshot')
    await inbox.lives('n39')
    await inbox.open('who only looks', null)
  }

  test('no key stands for ever', async () => {
    const { port } = await server()
    const backend = await gateway(port, { keep: 10 }, { isClockStopped: true })
    await work(backend)
    const keys = await backend.redis.keys('*')
    expect(keys.length).toBeGreaterThan(4 * USERS.length)
    const standing = await Promise.all(keys.map(async (key) => [key, await backend.redis.pttl(key)] as const))
    expect(standing.filter(([, ms]) => ms < 86_400_000)).toEqual([])
  })

  test('a user’s keys are together in a cluster, and a script touches no others', async () => {
    const { port } = await server({ args: ['--cluster-enabled', 'yes'] })
    const backend = await gateway(port, { keep: 10 }, { isClockStopped: true })
    await backend.redis.cluster('ADDSLOTSRANGE', 0, 16_383)
    await until('the cluster serves', async () => (await backend.redis.cluster('INFO')).includes('cluster_state:ok'))
    await work(backend)
    for (const user of USERS) {
      const slots = await Promise.all(inboxKeys(user).map((key) => backend.redis.cluster('KEYSLOT', key)))
      expect(new Set(slots).size).toBe(1)
    }
    expect(new Set(USERS.map((user) => inboxKey(PREFIX, user))).size).toBe(USERS.length)
  })

  test('an inbox that is used does not run out', async () => {
    const { port } = await server()
    const { inbox, redis, advance } = await gateway(port, { days: 3 }, { isClockStopped: true })
    await inbox.open('ann', null)
    const { position } = await inbox.open('ann', null)
    for (let day = 0; day < 20; day++) {
      advance(86_400_000)
      await inbox.open('ann', null)
      expect(await redis.pttl(inboxKey(PREFIX, 'ann'))).toBeGreaterThan(2 * 86_400_000)
    }
    expect((await inbox.open('ann', null)).position).toEqual(position)
  })
})

describe('two gateways', () => {
  test('both hear every change of a user whom both follow, in one order, whoever caused it', async () => {
    const { port } = await server()
    const both = [await gateway(port, { keep: 200 }), await gateway(port, { keep: 200 })] as const
    const heard = both.map(({ inbox }) => {
      const rings: Ring[] = []
      inbox.onRing((ring) => rings.push(ring))
      return rings
    })
    for (const { broker } of both) await broker.follow(userAddress('ann'))
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => both[i % 2 ? 0 : 1].inbox.keep([copyOf('ann', `n${i}`, `${i}`)])),
    )
    await both[0].inbox.mark('ann', { op: 'delete', ids: ['n5'], upTo: undefined })
    const last = await rev(both[1].inbox)
    for (const rings of heard) await until('the last one rings', () => rings.at(-1)?.counts.rev === last)
    expect(heard[0]).toEqual(heard[1])
    expect(heard[0]?.flatMap(({ item }) => item?.seq ?? [])).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    expect(heard[0]?.flatMap(deletedBy)).toHaveLength(1)
    const gaps = heard[0]?.filter(({ before }, i) => i > 0 && before !== heard[0]?.[i - 1]?.counts.rev)
    expect(gaps).toEqual([])
  })

  test('who follows thousands in one tick costs Redis a few commands', async () => {
    const { port } = await server()
    const { broker, redis } = await gateway(port)
    await redis.config('RESETSTAT')
    const users = Array.from({ length: 2_500 }, (_, i) => userAddress(`u${i}`))
    await Promise.all(users.map((user) => broker.follow(user)))
    for (const user of users) broker.unfollow(user)
    await broker.follow(userAddress('ann'))
    const stats = await redis.info('commandstats')
    const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
    expect(calls('subscribe')).toBeLessThanOrEqual(4)
    expect(calls('unsubscribe')).toBeLessThanOrEqual(3)
    expect(await redis.pubsub('CHANNELS')).toEqual([`${PREFIX}to:ann`])
  })

  test('a gateway whose subscriptions were cut follows the same users again', async () => {
    const { port } = await server()
    const { broker, inbox, redis } = await gateway(port)
    const rings: Ring[] = []
    inbox.onRing((ring) => rings.push(ring))
    await Promise.all(['ann', 'bob', 'cid'].map((user) => broker.follow(userAddress(user))))
    broker.unfollow(userAddress('cid'))
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    const channels = async () => (await redis.pubsub('CHANNELS')).sort()
    await until('they are followed', async () => `${await channels()}` === `${PREFIX}to:ann,${PREFIX}to:bob`)
    await inbox.keep([copyOf('bob', 'a')])
    await until('it rings', () => rings.length === 1)
  })

  test('what somebody else publishes there is an error that is told, and nothing else', async () => {
    const { port } = await server()
    const { broker, inbox, redis, events } = await gateway(port)
    let failures = 0
    events.on('gateway.failed', () => failures++)
    const rings: Ring[] = []
    inbox.onRing((ring) => rings.push(ring))
    await broker.follow(userAddress('ann'))
    const rubbish = ['', 'R', 'N', 'N{}', 'Rubbish\n', 'N{"node":1}\nx', `R${'\u0000'.repeat(200)}\n`]
    for (const message of rubbish) await redis.publish(`${PREFIX}to:ann`, message)
    await inbox.keep([copyOf('ann', 'a')])
    await until('it rings', () => rings.at(-1)?.item?.id === 'a')
    expect(failures).toBeGreaterThan(0)
  })
})
