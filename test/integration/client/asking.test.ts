import { userAddress } from '../../../src/core/address.ts'
import { GatewayError } from '../../../src/core/errors.ts'
import type { Item } from '../../../src/core/inbox.ts'
import { checkJson } from '../../../src/core/rawJson.ts'
import { closeClients, openClient } from '../../support/heraldoClient.ts'
import { notificationOf, type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

const FLAGS = { read: false, seen: false, archived: false }
let server: SocketioServer | undefined
afterEach(async () => {
  closeClients()
  await server?.stop()
})

/** A page whose gateway answers lists like this, and has greeted it. */
async function pageWith(answer: () => Promise<object>, transport = 'websocket') {
  server = await startSocketio({ handlers: new Map([['inbox:list', answer]]) })
  const page = openClient(server.url, { auth: () => ({ token: '42' }) }, { transports: [transport] })
  await until('it is connected', () => page.heraldo.state === 'connected')
  return { ...page, server, inbox: page.heraldo.inbox }
}

test('a refusal that may pass is asked again until it has passed; another one is not', async () => {
  let asked = 0
  const { inbox } = await pageWith(async () => {
    asked++
    if (asked < 3) throw new GatewayError('store.unavailable')
    if (asked === 4) throw new GatewayError('inbox.position')
    return { epoch: 'e', items: [] }
  })
  expect(await inbox.list()).toEqual({ epoch: 'e', items: [] })
  expect(asked).toBe(3)
  await expect(inbox.list()).rejects.toMatchObject({ code: 'inbox.position', retry: false })
  expect(asked).toBe(4)
})

test('who is cut off while asking is told at once, and is not asked for again', async () => {
  const { inbox, heraldo, server } = await pageWith(() => new Promise(() => {}))
  const asked = inbox.list()
  const refused = expect(asked).rejects.toMatchObject({ code: 'network', retry: true })
  heraldo.close()
  await refused
  heraldo.connect()
  await until('it is connected', () => heraldo.state === 'connected')
  expect(server.heard('client.refused')).toEqual([])
})

test.each(['drain', 'close'])('a request that waits for its next try ends with its connection: %s', async (how) => {
  let asked = 0
  const { inbox, heraldo, server } = await pageWith(async () => {
    asked++
    throw new GatewayError('store.unavailable')
  })
  const refused = expect(inbox.list()).rejects.toMatchObject({ code: 'network' })
  await until('it was refused once', () => asked > 0)
  const connection = server.lobby.connectionOf('42')
  if (how === 'close') heraldo.close()
  else connection.transport.dismiss(connection, { code: 'drain', retryInMs: 0 })
  await refused
})

test.each(['polling', 'websocket'])('over %s a list has what came while it was under way', async (transport) => {
  let answer = (_: object) => {}
  const { inbox, bodies, counts, server } = await pageWith(() => {
    return new Promise<object>((resolve) => {
      answer = resolve
    })
  }, transport)
  let isAsked = false
  const listed = inbox.list().finally(() => {
    isAsked = true
  })
  const connection = server.lobby.connectionOf('42')
  const kept = (seq: number) =>
    notificationOf(userAddress('42'), `n-${seq}`, `"body ${seq}"`, { kept: { epoch: 'e', seq, ...FLAGS } })
  connection.transport.write([connection], kept(8))
  const change = { seq: 7, read: true, seen: true, archived: false }
  const now = { unread: 1, unseen: 1, rev: 9 }
  connection.transport.report([connection], { epoch: 'e', rev: 9, counts: now, changes: [change] })
  await until('it has heard both', () => bodies.length === 1 && counts.at(-1)?.rev === 9)
  expect(isAsked).toBe(false)
  answer({ epoch: 'e', items: [itemOf(7), itemOf(6)], next: undefined })
  const { items } = await listed
  expect(items.map(({ seq, body, read }) => [seq, body, read])).toEqual([
    [8, 'body 8', false],
    [7, 'body 7', true],
    [6, 'body 6', false],
  ])
})

function itemOf(seq: number): Item {
  const body = checkJson(Buffer.from(`"body ${seq}"`), 1_048_576)
  return { seq, id: `n-${seq}`, type: 't', at: seq, body, expiresAt: undefined, collapse: undefined, ...FLAGS }
}
