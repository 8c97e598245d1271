import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Browser, Page } from 'playwright-core'
import { openChromium } from '../support/chromium.ts'
import { build, PROGRAM, type Process, readyUrl, startProcess, testConfig } from '../support/gatewayProcess.ts'
import { requirePython, runPython } from '../support/python.ts'
import { freePort } from '../support/redisServer.ts'
import { until } from '../support/until.ts'

let gateway: Process
let url: string
let browser: Browser
let page: Page
const errors: string[] = []

beforeAll(async () => {
  await build()
  gateway = startProcess([PROGRAM, 'dev'], { env: await devPorts() })
  url = await readyUrl(gateway)
  browser = await openChromium()
  page = await browser.newPage()
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await page.goto(url)
  await page.locator('.tab[data-state=connected]').nth(2).waitFor()
})
afterAll(async () => {
  // DEMO_PICTURE=docs/demo.png npm test -- test/e2e/demo
  const { DEMO_PICTURE: picture } = process.env
  if (picture !== undefined) await takePicture(picture)
  await browser?.close()
  await gateway?.stop()
})

test('Send to 42 rings both bells of 42 and not that of 43, which has its own button; everyone hears everyone', async () => {
  await page.fill('#text', 'for <b>42</b>')
  await page.click('text=Send to 42')
  await until('both bells rang', async () => (await badges()).join() === '1,1,0')
  expect(await page.locator('.tab.ringing').count()).toBe(2)
  expect(await page.locator('.list li span').allTextContents()).toEqual(['for <b>42</b>', 'for <b>42</b>'])

  await page.click('text=Send to 43')
  await until('the third rang', async () => (await badges()).join() === '1,1,1')
  await page.click('text=Send to everyone')
  await until('all of them rang', async () => (await badges()).join() === '2,2,2')
  expect(await page.locator('#status').textContent()).toBe('Sent to everyone.')
})

test('the clock, a notifier of its own, feeds every tab without ringing a bell', async () => {
  const before = await badges()
  const told = page.locator('.tick', { hasText: 'says the clock' })
  await until('three tabs show the time', async () => (await told.count()) === 3)
  const [first = ''] = await told.allTextContents()
  await until('the clock goes on', async () => (await told.first().textContent()) !== first)
  expect(await badges()).toEqual(before)
})

test('the curl line, pasted, rings both bells of 42', async () => {
  const line = await snippet('A shell')
  expect(gateway.stdout()).toContain(line)
  const before = await badges()
  expect(spawnSync('curl', ['--version']).status === 0 ? pasteIntoShell(line) : await sendAs(line)).toContain(
    '"ok":true',
  )
  await untilRung(before, [1, 1, 0])
})

test('the Python lines, pasted, ring both bells of 42', async () => {
  const lines = await snippet('Python with pyzmq')
  expect(gateway.stdout()).toContain(lines)
  expect(lines.split('\n')).toHaveLength(4)
  const before = await badges()
  await runPython(requirePython('zmq'), lines)
  await untilRung(before, [1, 1, 0])
})

test('the browser lines, pasted into a page that a local web server serves, show what is sent to 42', async () => {
  const html = await snippet('A page of your own')
  expect(gateway.stdout()).toMatch(/const token = /)
  expect(html.split('\n')).toHaveLength(5)
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(html))
  const other = await browser.newPage()
  await other.goto(`http://localhost:${await listenWherePagesAre(server)}/hello.html`)
  await until('the pasted page hears', async () => {
    await page.click('text=Send to 42')
    return (await other.locator('body').textContent())?.includes('{"text":"for') === true
  })
  await other.close()
  await new Promise((resolve) => server.close(resolve))
})

test('tokens are for this machine alone: a foreign name that points here gets none', async () => {
  const { port } = new URL(url)
  const foreign = spawnSync(
    process.execPath,
    [
      '-e',
      `require('http').get({ port: ${port}, host: '127.0.0.1', path: '/dev/token?user=42', agent: false, headers: { host: 'evil.example' } }, (r) => console.log(r.resume().statusCode))`,
    ],
    { encoding: 'utf8' },
  )
  expect(foreign.stdout.trim()).toBe('403')
  expect((await fetch(`${url}/dev/token?user=42`)).status).toBe(200)
  expect((await fetch(`${url}/dev/token`)).status).toBe(400)
})

test('the page runs under a policy without inline scripts, and nothing in it went wrong', async () => {
  const policy = (await fetch(url)).headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  expect(errors).toEqual([])
})

/** The page with a few notifications, down to its tabs, as the README shows it. */
async function takePicture(path: string): Promise<void> {
  await page.setViewportSize({ width: 1280, height: 800 })
  await page.reload()
  await page.locator('.tab[data-state=connected]').nth(2).waitFor()
  const messages = [
    ['Your order has shipped', '42'],
    ['Ada replied to you', '43'],
    ['Maintenance at ten', '*'],
    ['Your invoice is ready', '42'],
  ] as const
  for (const [text, to] of messages) {
    const before = await badges()
    await page.fill('#text', text)
    await page.click(`button[value="${to}"]`)
    await until('it was heard', async () => (await badges()).join() !== before.join())
  }
  await page.locator('.tick', { hasText: 'says the clock' }).nth(2).waitFor()
  const tabs = await page.locator('#tabs').boundingBox()
  const height = (tabs?.y ?? 0) + (tabs?.height ?? 0) + 32
  await page.screenshot({ path, clip: { x: 0, y: 0, width: 1280, height } })
}

/** Port 8000, as the page says, or another one whose pages may connect to `heraldo dev`. */
async function listenWherePagesAre(server: Server): Promise<number> {
  for (const port of [8000, 3000, 5173, 8080]) {
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening')
      return port
    } catch {
      // Somebody else is there: the next one.
    }
  }
  throw new Error('the ports 8000, 3000, 5173 and 8080 are all taken')
}

const badges = async () => (await page.locator('.badge').allTextContents()).map(Number)

function untilRung(before: readonly number[], by: readonly number[]): Promise<void> {
  const wanted = before.map((count, tab) => count + (by[tab] ?? 0)).join()
  return until(`the badges show ${wanted}`, async () => (await badges()).join() === wanted)
}

const snippet = async (name: string) =>
  (await page.locator('.snippet', { hasText: name }).locator('code').textContent()) ?? ''

const pasteIntoShell = (line: string) => spawnSync('sh', ['-c', line], { encoding: 'utf8' }).stdout

/** Where there is no curl, the same request. */
async function sendAs(line: string): Promise<string> {
  const [, address = ''] = /^curl (\S+)/.exec(line) ?? []
  const headers = [...line.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name = '', value = '']) => [name, value])
  const [, body = ''] = /-d '([^']+)'/.exec(line) ?? []
  return (await fetch(address, { method: 'POST', headers: Object.fromEntries(headers), body })).text()
}

async function devPorts() {
  const { registry } = (await testConfig()).zeromq
  return {
    HERALDO_HTTP_PORT: `${await freePort()}`,
    HERALDO_ZEROMQ_REGISTRY_REP: registry.rep,
    HERALDO_ZEROMQ_REGISTRY_PUB: registry.pub,
    HERALDO_ZEROMQ_NOTIFIERS: JSON.stringify([`tcp://127.0.0.1:${await freePort()}`]),
  }
}
