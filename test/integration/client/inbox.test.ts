import type { Item, MarkOp } from '../../../client/index.ts'
import { MARK_OPS } from '../../../src/core/inbox.ts'
import { type GatewayProcess, KEY, startGateway } from '../../support/gatewayProcess.ts'
import { closeClients, openClient, type Page } from '../../support/heraldoClient.ts'
import { startRedis } from '../../support/redisServer.ts'
import { token } from '../../support/sessions.ts'
import { tabStorage } from '../../support/tabStorage.ts'
import { until } from '../../support/until.ts'

const running: { stop(): Promise<unknown> }[] = []
let sent = 0

afterEach(async () => {
  closeClients()
  for (const { stop } of running.splice(0).reverse()) await stop()
})

/** Where inboxes are kept: what a gateway is configured with. */
const STORES: [string, () => Promise<Record<string, unknown>>][] = [
  ['memory', async () => ({})],
  ['Redis', async () => ({ redis: { url: (await redisServer()).url } })],
]

async function redisServer(port?: number) {
  const redis = await startRedis(port === undefined ? {} : { port })
  running.push(redis)
  return redis
}

async function gatewayWith(parts: Record<string, unknown>): Promise<GatewayProcess> {
  const gateway = await startGateway(parts)
  running.push(gateway)
  return gateway
}

/** A page of this user, connected. */
async function pageOf(user: string, gateway: GatewayProcess, storage = tabStorage()): Promise<Page> {
  const page = openClient(gateway.url, { auth: async () => ({ token: await token(user) }), storage })
  await connected(page)
  return page
}

/** A tab that may be reloaded: all the pages that were in it, one after the other. */
async function newTab(gateway: GatewayProcess) {
  const storage = tabStorage()
  const pages = [await pageOf('42', gateway, storage)]
  const auth = async () => ({ token: await token('42') })
  const reload = () => {
    for (const { heraldo } of pages) heraldo.close()
    const transports = [Math.random() < 0.5 ? 'polling' : 'websocket']
    pages.push(openClient(gateway.url, { auth, storage }, { transports }))
  }
  const close = () => pages.at(-1)?.heraldo.close()
  const connect = () => pages.at(-1)?.heraldo.connect()
  return {
    connect,
    bodies: () => pages.flatMap((page) => page.bodies),
    suffer: () => [close, connect, connect, reload][Math.floor(Math.random() * 4)]?.(),
  }
}

const connected = ({ heraldo }: Page) => until('it is connected', () => heraldo.state === 'connected')
const heard = (page: Page, body: unknown) => until(`${body} is heard`, () => page.bodies.includes(body))

async function back(page: Page): Promise<void> {
  page.heraldo.connect()
  await connected(page)
}

async function send(gateway: GatewayProcess, text: string, more: Record<string, unknown> = {}): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/notify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ recipient: '42', notification: text, id: `o-${++sent}`, ...more }),
  })
  expect(await response.json()).toMatchObject({ ok: true })
}

const sendAll = async (gateway: GatewayProcess, texts: readonly string[]) => {
  for (const text of texts) await send(gateway, text)
}

const bodies = (items: readonly Item[]) => items.map(({ body }) => body)

describe.each(STORES)('with inboxes in %s', (_, store) => {
  let gateway: GatewayProcess
  beforeEach(async () => {
    gateway = await gatewayWith(await store())
  })

  test('a page that was away hears exactly what it missed, in order and once, and then what is new', async () => {
    const page = await pageOf('42', gateway)
    await send(gateway, 'first')
    await heard(page, 'first')
    for (const round of [1, 2]) {
      page.heraldo.close()
      await sendAll(gateway, [`missed ${round}a`, `missed ${round}b`])
      await send(gateway, 'too late', { keep: false })
      await back(page)
      await send(gateway, `live ${round}`, { keep: false })
      await send(gateway, `kept ${round}`)
      await heard(page, `kept ${round}`)
    }
    const rounds = [1, 2].flatMap((n) => [`missed ${n}a`, `missed ${n}b`, `live ${n}`, `kept ${n}`])
    expect(page.bodies).toEqual(['first', ...rounds])
    const seqs = page.metas.map(({ seq }) => seq)
    expect(seqs).toEqual([1, 2, 3, undefined, 4, 5, 6, undefined, 7])
    expect(page.heraldo.inbox.position).toMatchObject({ seq: 7 })
  })

  test('also when it had never been told anything, and after a reload', async () => {
    const storage = tabStorage()
    const page = await pageOf('42', gateway, storage)
    page.heraldo.close()
    await sendAll(gateway, ['a', 'b'])
    await back(page)
    await heard(page, 'b')
    page.heraldo.close()
    await send(gateway, 'c')
    const reloaded = await pageOf('42', gateway, storage)
    await heard(reloaded, 'c')
    await send(gateway, 'd')
    await heard(reloaded, 'd')
    expect([page.bodies, reloaded.bodies]).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
  })

  test('on a device that is new to its user a page lists what it wants, and nothing is told as news', async () => {
    await sendAll(gateway, ['a', 'b', 'c'])
    const page = await pageOf('42', gateway)
    expect([page.stale(), page.counts.at(-1)]).toMatchObject([1, { unread: 3, unseen: 3 }])
    const { items, next = 0 } = await page.heraldo.inbox.list({ limit: 2 })
    expect(bodies(items)).toEqual(['c', 'b'])
    expect(bodies((await page.heraldo.inbox.list({ before: next })).items)).toEqual(['a'])
    await send(gateway, 'd')
    await heard(page, 'd')
    expect(page.bodies).toEqual(['d'])
  })

  test('what is marked on one device is marked on the others, and who was away lists again', async () => {
    const [one, other, away] = [await pageOf('42', gateway), await pageOf('42', gateway), await pageOf('42', gateway)]
    await sendAll(gateway, ['a', 'b', 'c'])
    for (const page of [one, other, away]) await heard(page, 'c')
    await until('it has heard the counts', () => away.heraldo.inbox.counts?.unread === 3)
    away.heraldo.close()
    await back(away)
    expect(away.stale()).toBe(1)
    away.heraldo.close()

    const counts = await one.heraldo.inbox.mark('read', { ids: [one.metas[0]?.id ?? ''] })
    expect(counts).toMatchObject({ unread: 2, unseen: 2 })
    const change = { seq: 1, read: true, seen: true, archived: false }
    for (const page of [one, other]) {
      await until('it heard', () => page.changes.length === 1)
      expect([page.changes, page.heraldo.inbox.counts]).toEqual([[change], counts])
    }
    await one.heraldo.inbox.mark('delete', { ids: [one.metas[1]?.id ?? ''] })
    await until('it is gone there', () => other.changes.length === 2)
    expect(other.changes[1]).toEqual({ seq: 2, deleted: true })

    await back(away)
    expect([away.stale(), away.bodies]).toEqual([2, ['a', 'b', 'c']])
    expect((await away.heraldo.inbox.list()).items).toMatchObject([
      { body: 'c', read: false },
      { body: 'a', read: true },
    ])
  })

  test('all read is up to what the page was told: what comes meanwhile stays unread', async () => {
    const page = await pageOf('42', gateway)
    await sendAll(gateway, ['a', 'b'])
    await heard(page, 'b')
    const upTo = page.heraldo.inbox.position
    await send(gateway, 'c')
    if (upTo !== undefined) await page.heraldo.inbox.mark('read', { upTo })
    expect(bodies((await page.heraldo.inbox.list({ filter: 'unread' })).items)).toEqual(['c'])
  })

  test('the badge is the same everywhere after whatever was marked anywhere', async () => {
    const pages = [await pageOf('42', gateway), await pageOf('42', gateway), await pageOf('42', gateway)]
    for (let n = 1; n <= 20; n++) await send(gateway, `${n}`)
    for (const page of pages) await heard(page, '20')
    // The gateway and its client know the same ones.
    const ops: readonly MarkOp[] & typeof MARK_OPS = MARK_OPS
    const ids = pages[0]?.metas.map(({ id }) => id) ?? []
    const pick = <T>(choices: readonly T[]) => choices[Math.floor(Math.random() * choices.length)] as T
    let rev = 0
    for (let n = 0; n < 15; n++) {
      const marks = pages.map(({ heraldo }) => heraldo.inbox.mark(pick(ops), { ids: [pick(ids), pick(ids)] }))
      rev = Math.max(rev, ...(await Promise.all(marks)).map((counts) => counts.rev))
    }
    const unread = pages[0] === undefined ? [] : (await pages[0].heraldo.inbox.list({ filter: 'unread' })).items
    for (const { heraldo } of pages) {
      await until('it knows the last change', () => heraldo.inbox.counts?.rev === rev)
      expect(heraldo.inbox.counts).toMatchObject({ unread: unread.length })
    }
    const heardLast = () => new Set(pages.map(({ changes }) => JSON.stringify(changes)))
    await until('all have heard the same changes', () => heardLast().size === 1)
  })

  test('two users of one device are each told what they missed, and nothing of the other', async () => {
    const device = tabStorage()
    const first = await pageOf('42', gateway, device)
    await send(gateway, 'a')
    await heard(first, 'a')
    first.heraldo.close()
    const second = await pageOf('43', gateway, device)
    await send(gateway, 'for 43', { recipient: '43' })
    await heard(second, 'for 43')
    second.heraldo.close()
    await sendAll(gateway, ['b', 'c'])
    const again = await pageOf('42', gateway, device)
    await heard(again, 'c')
    expect([first.bodies, second.bodies, again.bodies]).toEqual([['a'], ['for 43'], ['b', 'c']])
  })

  test('whatever happens to a tab, it shows everything once and in order: unplugged, plugged in, reloaded, at any moment', async () => {
    const tabs = await Promise.all([1, 2, 3].map(async () => newTab(gateway)))
    const texts = Array.from({ length: 60 }, (_, n) => `${n}`)
    for (const text of texts) {
      const sending = send(gateway, text)
      for (const tab of tabs) if (Math.random() < 0.4) tab.suffer()
      await sending
    }
    for (const tab of tabs) {
      tab.connect()
      await until('it has heard the last', () => tab.bodies().at(-1) === '59')
      expect(tab.bodies()).toEqual(texts)
    }
  })

  test('what it asks in vain says why', async () => {
    const { heraldo } = await pageOf('42', gateway)
    const { inbox } = heraldo
    const upTo = { epoch: 'another', seq: 0 }
    await expect(inbox.mark('read', { upTo })).rejects.toMatchObject({ code: 'inbox.epoch', retry: false })
    await expect(inbox.mark('read', {})).rejects.toMatchObject({ code: 'event.invalid', retry: false })
    await expect(inbox.list({ limit: 101 })).rejects.toMatchObject({ name: 'HeraldoError', code: 'event.invalid' })
    heraldo.close()
    await expect(inbox.list()).rejects.toMatchObject({ code: 'network', retry: true })
    heraldo.connect()
    await until('it is connected', () => heraldo.state === 'connected')
    expect((await inbox.list()).items).toEqual([])
  })

  test('more was missed than an inbox holds: what still stands there is told, once', async () => {
    await gateway.stop()
    const small = await gatewayWith({ ...(await store()), inbox: { keep: 3 } })
    const page = await pageOf('42', small)
    await send(small, 'a')
    await heard(page, 'a')
    page.heraldo.close()
    await sendAll(small, ['b', 'c', 'd', 'e', 'f'])
    await back(page)
    expect([page.bodies, page.stale()]).toEqual([['a', 'd', 'e', 'f'], 2])
    page.heraldo.close()
    await back(page)
    await send(small, 'g')
    await heard(page, 'g')
    expect(page.bodies).toEqual(['a', 'd', 'e', 'f', 'g'])
  })
})

test('a gateway that keeps in memory and starts anew has lost what it kept; nothing is told twice, and what is new is told', async () => {
  const first = await gatewayWith({})
  const page = await pageOf('42', first)
  await send(first, 'a', { id: 'o-a' })
  await send(first, 'b', { id: 'o-b' })
  await heard(page, 'b')
  page.heraldo.close()
  await first.stop()
  const second = await gatewayWith({ http: { port: first.port } })
  await send(second, 'new')
  await send(second, 'b', { id: 'o-b' })
  await back(page)
  await send(second, 'a', { id: 'o-a' })
  await send(second, 'last')
  await heard(page, 'last')
  expect(page.bodies).toEqual(['a', 'b', 'new', 'last'])
})

test('kill -9 and a restart lose nothing that Redis keeps, and a page shows it once', async () => {
  const redis = { url: (await redisServer()).url }
  const [first, other] = [await gatewayWith({ redis }), await gatewayWith({ redis })]
  const page = await pageOf('42', first)
  await send(first, 'a')
  await heard(page, 'a')
  await send(first, 'b')
  first.signal('SIGKILL')
  await first.ended
  await until('it noticed', () => page.heraldo.state === 'reconnecting')
  await sendAll(other, ['c', 'd'])
  const second = await gatewayWith({ redis, http: { port: first.port } })
  await connected(page)
  await send(second, 'e')
  await send(other, 'f')
  await heard(page, 'f')
  expect(page.bodies).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
})

test('a Redis that comes back empty gives a new epoch: the page starts over, and is told what is new', async () => {
  const redis = await redisServer()
  const gateway = await gatewayWith({ redis: { url: redis.url } })
  const page = await pageOf('42', gateway)
  await sendAll(gateway, ['a', 'b'])
  await heard(page, 'b')
  const { epoch } = page.heraldo.inbox.position ?? {}
  await redis.stop()
  await redisServer(redis.port)
  await until('a notification is kept again', async () => {
    const attempt = send(gateway, 'c', { id: 'o-c' })
    return attempt.then(
      () => true,
      () => false,
    )
  })
  await heard(page, 'c')
  await send(gateway, 'd')
  await heard(page, 'd')
  expect(page.bodies).toEqual(['a', 'b', 'c', 'd'])
  expect(page.heraldo.inbox.position).toMatchObject({ seq: 2 })
  expect(page.heraldo.inbox.position?.epoch).not.toBe(epoch)
  expect(page.heraldo.inbox.counts?.unread).toBe(2)
})
