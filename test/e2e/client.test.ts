import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { openChromium } from '../support/chromium.ts'
import { build, type GatewayProcess, KEY, startGateway } from '../support/gatewayProcess.ts'
import { token } from '../support/sessions.ts'
import { until } from '../support/until.ts'

/** A page of somebody's own, from an origin of its own: one script tag, and what it hears. */
const html = (gateway: string) => `<!doctype html><title>A shop</title>
<script src="/heraldo.js"></script>
<output id="state"></output> <output id="badge"></output><ol id="list"></ol>
<script>
const notifications = heraldo.connect('${gateway}', { auth: () => fetch('/token').then((response) => response.json()) })
const state = document.querySelector('#state')
state.textContent = notifications.state
notifications.on('state', (now) => { state.textContent = now })
notifications.on('counts', ({ unread }) => { document.querySelector('#badge').textContent = unread })
notifications.on('notification', (body, meta) => {
  const item = document.createElement('li')
  item.textContent = body.text
  document.querySelector('#list').append(item)
})
</script>`

let gateway: GatewayProcess
let site: Server
let browser: Browser
let context: BrowserContext
let page: Page
let tokensGiven = 0
const errors: string[] = []

beforeAll(async () => {
  await build()
  site = createServer(async (request, response) => {
    if (request.url === '/heraldo.js') response.end(readFileSync('dist/client/heraldo.js'))
    else if (request.url === '/token') response.end(JSON.stringify({ token: await token('42', 3600 + tokensGiven++) }))
    else response.setHeader('content-type', 'text/html').end(html(gateway.url))
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  gateway = await startGateway({ http: { origins: [origin] } })
  browser = await openChromium()
  context = await browser.newContext()
  page = await context.newPage()
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(origin)
  await shows('connected')
})
afterAll(async () => {
  await browser?.close()
  await gateway?.stop()
  await new Promise((resolve) => site.close(resolve))
})

const shows = (state: string) => page.locator('#state', { hasText: new RegExp(`^${state}$`) }).waitFor()
const list = (at = page) => at.locator('#list li').allTextContents()
const shown = (text: string, at = page) => until(`${text} is shown`, async () => (await list(at)).at(-1) === text)
const isConnected = (at: Page) => at.locator('#state', { hasText: /^connected$/ }).waitFor()

/** Live, where it is not said otherwise. */
async function notify(text: string, id: string, keep = false): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/notify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ recipient: '42', notification: { text }, id, keep }),
  })
  expect(response.status).toBe(202)
}

test('a page with one script tag shows what is sent to its user', async () => {
  await notify('<b>hello</b>', 'o-1')
  await until('it is shown', async () => (await list()).join() === '<b>hello</b>')
  expect(await page.evaluate('Object.keys(heraldo).join() + typeof io')).toBe('HeraldoError,connectundefined')
})

test('unplugged, it says so; plugged in again, it is back with a fresh token', async () => {
  const given = tokensGiven
  await context.setOffline(true)
  await shows('reconnecting')
  await context.setOffline(false)
  await shows('connected')
  expect(tokensGiven).toBeGreaterThan(given)
  await notify('back', 'o-2')
  await shown('back')
})

test('a reload keeps the place: what came meanwhile is shown, what was shown is not shown again', async () => {
  await notify('kept 1', 'k-1', true)
  await shown('kept 1')
  await page.goto('about:blank')
  await notify('kept 2', 'k-2', true)
  await notify('kept 3', 'k-3', true)
  await page.goBack()
  await shown('kept 3')
  expect(await list()).toEqual(['kept 2', 'kept 3'])
  await page.reload()
  await shows('connected')
  await notify('kept 4', 'k-4', true)
  await shown('kept 4')
  expect(await list()).toEqual(['kept 4'])
  await until('the badge says so', async () => (await page.locator('#badge').textContent()) === '4')
})

test('each tab shows everything itself, also over a reload; one that is opened anew begins where the others are', async () => {
  const other = await context.newPage()
  await other.goto(page.url())
  await isConnected(other)
  const { origin } = new URL(page.url())
  await page.goto('about:blank')
  await notify('kept 5', 'k-5', true)
  await shown('kept 5', other)
  expect(await list(other)).toEqual(['kept 5'])
  await page.goto(origin)
  await shown('kept 5')
  const anew = await context.newPage()
  await anew.goto(origin)
  await isConnected(anew)
  await notify('kept 6', 'k-6', true)
  for (const each of [page, other, anew]) await shown('kept 6', each)
  expect([await list(), await list(other), await list(anew)]).toEqual([
    ['kept 5', 'kept 6'],
    ['kept 5', 'kept 6'],
    ['kept 6'],
  ])
  await other.close()
  await anew.close()
})

test('a gateway that dies and starts anew is found again, and nothing is shown twice', async () => {
  const { port } = gateway
  const { origin } = new URL(page.url())
  gateway.signal('SIGKILL')
  await gateway.ended
  await shows('reconnecting')
  gateway = await startGateway({ http: { port, origins: [origin] } })
  await shows('connected')
  await notify('kept 6', 'k-6', true)
  await notify('anew', 'o-3')
  await shown('anew')
  expect(await list()).toEqual(['kept 5', 'kept 6', 'anew'])
  expect(errors).toEqual([])
})
