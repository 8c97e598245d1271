import { type GatewayProcess, KEY, startGateway, startProcess } from '../../support/gatewayProcess.ts'
import { closeClients, openClient, type Page } from '../../support/heraldoClient.ts'
import { startRedis } from '../../support/redisServer.ts'
import { BEAKER, beakerCookie, token } from '../../support/sessions.ts'
import { until } from '../../support/until.ts'

const running: { stop(): Promise<unknown> }[] = []

afterEach(async () => {
  closeClients()
  for (const { stop } of running.splice(0).reverse()) await stop()
})

async function gatewayAt(port: number, parts: Record<string, unknown> = {}): Promise<GatewayProcess> {
  const gateway = await startGateway({ http: { port }, ...parts })
  running.push(gateway)
  return gateway
}

async function notify(gateway: GatewayProcess, text: string, id?: string): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/notify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ recipient: '42', notification: text, keep: false, ...(id === undefined ? {} : { id }) }),
  })
  expect(response.status).toBe(202)
}

const connected = (pages: readonly Page[]) =>
  until('all are connected', () => pages.every(({ heraldo }) => heraldo.state === 'connected'))

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'after %s and a restart every page is back by itself, with fresh credentials, and shows nothing twice',
  async (signal) => {
    const first = await gatewayAt(0)
    let asked = 0
    const auth = async () => ({ token: await token('42', 3600 + asked++) })
    const pages = ['websocket', 'polling'].map((transport) =>
      openClient(first.url, { auth }, { transports: [transport] }),
    )
    await connected(pages)
    await notify(first, 'before', 'o-17')
    await until('all heard it', () => pages.every(({ bodies }) => bodies.length === 1))
    first.signal(signal)
    await first.ended
    await until('all noticed', () => pages.every(({ heraldo }) => heraldo.state === 'reconnecting'))
    const second = await gatewayAt(first.port)
    await connected(pages)
    // A sender that is not sure whether it was heard sends again; this gateway has never seen the id.
    await notify(second, 'before', 'o-17')
    await notify(second, 'after')
    await until('all hear again', () => pages.every(({ bodies }) => bodies.includes('after')))
    for (const { bodies } of pages) expect(bodies).toEqual(['before', 'after'])
    expect(asked).toBeGreaterThanOrEqual(4)
    for (const { states, byes } of pages) {
      expect(states[1]).toEqual(['reconnecting', signal === 'SIGTERM' ? 'drain' : 'network'])
      expect(byes.map(({ code }) => code)).toEqual(signal === 'SIGTERM' ? ['drain'] : [])
    }
  },
)

test('while Redis does not answer a page is refused and tries again, and it is in when Redis is back', async () => {
  const redis = await startRedis()
  running.push(redis)
  const gateway = await gatewayAt(0, { redis: { url: redis.url }, sessions: [BEAKER] })
  const cookie = await beakerCookie(redis.url, '42')
  process.kill(redis.pid, 'SIGSTOP')
  const { heraldo, states } = openClient(gateway.url, {}, { extraHeaders: { cookie } })
  await until('it is refused', () => heraldo.state !== 'connecting')
  process.kill(redis.pid, 'SIGCONT')
  await until('it is connected', () => heraldo.state === 'connected')
  expect(states).toEqual([
    ['reconnecting', 'store.unavailable'],
    ['connected', undefined],
  ])
  expect(heraldo.user).toEqual({ id: '42' })
})

test('an expired token is refused for good; connect() asks for a fresh one and is in', async () => {
  const gateway = await gatewayAt(0)
  let seconds = -60
  const { heraldo, states } = openClient(gateway.url, { auth: async () => ({ token: await token('42', seconds) }) })
  await until('it is refused', () => heraldo.state === 'refused')
  seconds = 3600
  heraldo.connect()
  await until('it is connected', () => heraldo.state === 'connected')
  expect(states).toEqual([
    ['refused', 'session.expired'],
    ['connecting', undefined],
    ['connected', undefined],
  ])
})

test('a token that expires on a live connection is followed by a fresh one; one that is no fresher is the end', async () => {
  const gateway = await gatewayAt(0)
  let seconds = 2
  const { heraldo, byes, states } = openClient(gateway.url, {
    auth: async () => ({ token: await token('42', seconds) }),
  })
  await until('it is connected', () => heraldo.state === 'connected')
  await until('it is back with another one', () => states.length >= 3)
  expect(byes[0]).toEqual({ code: 'expired', retryInMs: 0 })
  expect(states.slice(0, 3)).toEqual([
    ['connected', undefined],
    ['reconnecting', 'expired'],
    ['connected', undefined],
  ])
  seconds = -60
  await until('it is refused', () => heraldo.state === 'refused')
  expect(heraldo.reason).toMatchObject({ code: 'session.expired' })
})

test.each([
  ['while it is connected', 'connected'],
  ['while it waits for its next attempt', 'reconnecting'],
])('a program that closes its client %s ends by itself', async (_, state) => {
  const gateway = await gatewayAt(0)
  const url = state === 'connected' ? gateway.url : 'http://127.0.0.1:1'
  const client = new URL('../../../dist/client/index.js', import.meta.url).href
  const program = startProcess([
    '--input-type=module',
    '-e',
    `import { connect } from ${JSON.stringify(client)}
    const heraldo = connect('${url}', { auth: () => ({ token: '${await token('42')}' }) })
    heraldo.on('state', (state) => {
      console.log(state)
      if (state === '${state}') heraldo.close()
    })`,
  ])
  expect(await program.ended).toBe(0)
  expect([program.stdout(), program.stderr()]).toEqual([`${state}\nended\n`, ''])
})
