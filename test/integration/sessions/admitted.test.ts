import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ExpressApplication, startExpress } from '../../support/expressApplication.ts'
import { type GatewayProcess, heraldo, startGateway } from '../../support/gatewayProcess.ts'
import { type RedisServer, startRedis } from '../../support/redisServer.ts'
import { repozeSignIn } from '../../support/repozeWho.ts'
import { BEAKER, beakerCookie } from '../../support/sessions.ts'
import { type Browser, browse, closeTab } from '../../support/socketioClients.ts'

const TICKET_SECRET = 'secret of a Pyramid application'
const EXPRESS_SECRET = 'secret of an Express application'

let redis: RedisServer
let express: ExpressApplication
let application: Server
let gateway: GatewayProcess
const tabs: Browser[] = []

beforeAll(async () => {
  redis = await startRedis()
  express = await startExpress({ redisUrl: redis.url, secret: EXPRESS_SECRET })
  application = createServer(({ headers }, response) => {
    const isSignedIn = headers.cookie === 'sessionid=django' || headers.authorization === 'Bearer token-of-its-own'
    response.writeHead(isSignedIn ? 200 : 401).end('{"user":{"id":"of-the-callback"}}')
  })
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve))
  gateway = await startGateway({
    redis: { url: redis.url },
    sessions: [
      BEAKER,
      { use: 'authTkt', secret: TICKET_SECRET },
      { use: 'expressSession', secret: EXPRESS_SECRET, user: ['userId'] },
      { use: 'httpCallback', url: `http://127.0.0.1:${(application.address() as AddressInfo).port}/whoami` },
    ],
  })
})
afterEach(async () => {
  for (const tab of tabs.splice(0)) await closeTab(tab)
})
afterAll(async () => {
  await gateway?.stop()
  await express?.close()
  application?.closeAllConnections()
  await new Promise((resolve) => application?.close(resolve))
  await redis?.stop()
})

test('one gateway admits the users of four applications, each by its own session', async () => {
  const ticket = await repozeSignIn({ secret: TICKET_SECRET, user: "'of-repoze-ñ'" })
  await express.signIn({ userId: 'of-express' })
  expect(await userOf({ cookie: await beakerCookie(redis.url, 'of-beaker') })).toBe('of-beaker')
  expect(await userOf({ cookie: `theme=dark; ${ticket.cookies.join('; ')}` })).toBe('of-repoze-ñ')
  expect(await userOf({ cookie: express.cookie() })).toBe('of-express')
  expect(await userOf({ cookie: 'sessionid=django' })).toBe('of-the-callback')
  expect(await userOf({ token: 'token-of-its-own' })).toBe('of-the-callback')
})

test('what is forged or unknown is refused with the code for it, and the operator hears why', async () => {
  const ticket = await repozeSignIn({ secret: 'another', user: "'42'" })
  for (const [cookie, code, reason] of [
    [ticket.cookies.join('; '), 'session.invalid', 'BAD_SIGNATURE'],
    ['connect.sid=s%3Aforged.AAAA', 'session.invalid', 'BAD_SIGNATURE'],
    ['sessionid=forged', 'session.missing', 'NO_USER'],
  ] as const) {
    expect((await tab({ cookie })).refusals[0]?.data).toMatchObject({ code, retry: false })
    const { stdout, code: exit } = await heraldo(['whoami', '--config', gateway.configFile, '--cookie', cookie])
    expect([JSON.parse(stdout), exit]).toEqual([{ ok: false, error: { code, reason } }, 1])
  }
})

async function userOf(credential: { cookie?: string; token?: string }): Promise<string | undefined> {
  return (await tab(credential)).hellos[0]?.user.id
}

async function tab({ cookie, token }: { cookie?: string; token?: string }): Promise<Browser> {
  const browser = await browse(gateway.url, token, cookie === undefined ? {} : { extraHeaders: { cookie } })
  tabs.push(browser)
  return browser
}
