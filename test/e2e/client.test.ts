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
<output id="state"></output><ol id="list"></ol>
<script>
const notifications = heraldo.connect('${gateway}', { auth: () => fetch('/token').then((response) => response.json()) })
const state = document.querySelector('#state')
state.textContent = notifications.state
notifications.on('state', (now) => { state.textContent = now })
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
const list = () => page.locator('#list li').allTextContents()

async function notify(text: string, id: string): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/notify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ recipient: '42', notification: { text }, id, keep: false }),
  })
  expect(response.status).toBe(202)
}

test('a page with one script tag shows what is sent to its user', async () => {
  await notify('<b>hello</b>', 'o-1')
  await until('it is shown', async () => (await list()).join() === '<b>hello</b>')
  expect(await page.evaluate('Object.keys(heraldo).join() + typeof io')).toBe('connectundefined')
})

test('unplugged, it says so; plugged in again, it is back with a fresh token', async () => {
  const given = tokensGiven
  await context.setOffline(true)
  await shows('reconnecting')
  await context.setOffline(false)
  await shows('connected')
  expect(tokensGiven).toBeGreaterThan(given)
  await notify('back', 'o-2')
  await until('it is shown', async () => (await list()).at(-1) === 'back')
})

test('a gateway that dies and starts anew is found again, and nothing is shown twice', async () => {
  const { port } = gateway
  const { origin } = new URL(page.url())
  gateway.signal('SIGKILL')
  await gateway.ended
  await shows('reconnecting')
  gateway = await startGateway({ http: { port, origins: [origin] } })
  await shows('connected')
  await notify('back', 'o-2')
  await notify('anew', 'o-3')
  await until('it is shown', async () => (await list()).at(-1) === 'anew')
  expect(await list()).toEqual(['<b>hello</b>', 'back', 'anew'])
  expect(errors).toEqual([])
})
