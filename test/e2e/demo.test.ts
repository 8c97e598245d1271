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
  await connected()
})
afterAll(async () => {
  // DEMO_PICTURE=docs/demo.png npm test -- test/e2e/demo
  const { DEMO_PICTURE: picture } = process.env
  if (picture !== undefined) await takePicture(picture)
  await browser?.close()
  await gateway?.stop()
})

test('Send to 42 rings both bells of 42 and not that of 43, which has its own button', async () => {
  await send('for <b>42</b>', '42')
  await untilBadges(1, 1, 0)
  expect(await page.locator('.tab.ringing').count()).toBe(2)
  expect(await page.locator('.list .text').allTextContents()).toEqual(['for <b>42</b>', 'for <b>42</b>'])
  await send('for 43', '43')
  await untilBadges(1, 1, 1)
})

test('what is sent to everyone, or live, is heard and counts as nothing', async () => {
  await send('for everyone', '*')
  await until('all of them heard it', async () => (await page.locator('.chip').count()) === 3)
  expect(await page.locator('#status').textContent()).toBe('Sent to everyone, live.')
  await page.check('#live')
  await send('a moment', '42')
  await page.uncheck('#live')
  await until(
    'both tabs of 42 heard it',
    async () => (await page.locator('.text', { hasText: 'moment' }).count()) === 2,
  )
  expect(await badges()).toEqual([1, 1, 1])
})

test('a tab whose plug was pulled gets what it missed when it is plugged in; what is read there is read everywhere', async () => {
  await allRead(0)
  await untilBadges(0, 0, 1)
  await tab(0).locator('.plug').click()
  await tab(0).locator('.state', { hasText: 'unplugged' }).waitFor()
  for (const text of ['one', 'two', 'three']) await send(text, '42')
  await untilBadges(0, 3, 1)
  expect((await texts(0)).slice(0, 1)).not.toEqual(['three'])

  await tab(0).locator('.plug').click()
  await untilBadges(3, 3, 1)
  expect((await texts(0)).slice(0, 3)).toEqual(['three', 'two', 'one'])
  await tab(1).locator('.item', { hasText: 'two' }).click()
  await untilBadges(2, 2, 1)
  for (const n of [0, 1]) expect(await unread(n)).toEqual(['three', 'one'])
  await tab(0).locator('.item', { hasText: 'two' }).click()
  await untilBadges(3, 3, 1)
})

test('after a reload everything stands where it stood, and no bell rings for it again', async () => {
  const before = [await texts(0), await unread(0)]
  await page.reload()
  await connected()
  await untilBadges(3, 3, 1)
  await until('it is listed', async () => (await unread(0)).length === 3)
  const kept = before[0]?.filter((text) => text !== 'a moment' && text !== 'for everyone')
  expect([await texts(0), await unread(0)]).toEqual([kept, before[1]])
  expect(await page.locator('.tab.ringing').count()).toBe(0)
})

test('what arrives while nobody has the page open rings when it is opened again', async () => {
  await page.goto('about:blank')
  await api('notify', { recipient: '42', notification: { text: 'while you were away' } })
  await page.goto(url)
  await connected()
  await untilBadges(4, 4, 1)
  expect(await page.locator('.tab.ringing').count()).toBe(2)
  await until('it is listed', async () => (await texts(0))[0] === 'while you were away')
})

test('all read is up to what is shown here, and works with the keyboard', async () => {
  await tab(1).locator('.all').press('Enter')
  await untilBadges(0, 0, 1)
  expect([await unread(0), await unread(1)]).toEqual([[], []])
  expect(await tab(1).locator('.all').isDisabled()).toBe(true)
  await tab(2).locator('button.item').press('Space')
  await untilBadges(0, 0, 0)
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
  const [first = 0, second = 0, third = 0] = await badges()
  expect(spawnSync('curl', ['--version']).status === 0 ? pasteIntoShell(line) : await sendAs(line)).toContain(
    '"ok":true',
  )
  await untilBadges(first + 1, second + 1, third)
})

test('the Python lines, pasted, are heard by both tabs of 42, live', async () => {
  const lines = await snippet('Python with pyzmq')
  expect(gateway.stdout()).toContain(lines)
  expect(lines.split('\n')).toHaveLength(4)
  const heard = page.locator('.list li', { hasText: 'hi from Python' })
  // Live: a machine that is too busy to find the notifier in two seconds hears it when it is pasted again.
  await until('both tabs of 42 heard it', async () => {
    await runPython(requirePython('zmq'), lines)
    return (await heard.locator('.chip').count()) >= 2
  })
})

test('the browser lines, pasted into a page that a local web server serves, show what is sent to 42', async () => {
  const html = await snippet('A page of your own')
  expect(gateway.stdout()).toMatch(/const token = /)
  expect(html.split('\n')).toHaveLength(5)
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(html))
  const other = await browser.newPage()
  await other.goto(`http://localhost:${await listenWherePagesAre(server)}/hello.html`)
  await until('the pasted page hears', async () => {
    await send('for <b>42</b>', '42')
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
  for (const user of ['42', '43']) {
    const { items } = await api(`users/${user}/inbox`)
    await api(`users/${user}/mark`, { op: 'delete', ids: items.map(({ id }) => id) })
  }
  await page.reload()
  await connected()
  await send('Your order has shipped', '42')
  await send('Ada replied to you', '43')
  await untilBadges(1, 1, 1)
  await allRead(0)
  await send('Maintenance at ten', '*')
  await page.locator('.chip').nth(2).waitFor()
  await send('Your invoice is ready', '42')
  await untilBadges(1, 1, 1)
  await tab(0).locator('.plug').click()
  await send('Your parcel is at your neighbour’s', '42')
  await untilBadges(1, 2, 1)
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

function untilBadges(...wanted: readonly number[]): Promise<void> {
  return until(`the badges show ${wanted.join()}`, async () => (await badges()).join() === wanted.join())
}

const tab = (n: number) => page.locator('.tab').nth(n)
const texts = (n: number) => tab(n).locator('.text').allTextContents()
const unread = (n: number) => tab(n).locator('.item.new .text').allTextContents()
const allRead = (n: number) => tab(n).locator('.all').click()
const connected = () => page.locator('.tab[data-state=connected]').nth(2).waitFor()

/** As a backend would. */
async function api(path: string, body?: unknown): Promise<{ readonly items: readonly { readonly id: string }[] }> {
  const headers = { authorization: 'Bearer heraldo-dev-key', 'content-type': 'application/json' }
  const request = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) }
  const response = await fetch(`${url}/v1/${path}`, request)
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
  return JSON.parse(await response.text())
}

async function send(text: string, to: '42' | '43' | '*'): Promise<void> {
  await page.fill('#text', text)
  await page.click(`button[value="${to}"]`)
  await page.locator('#status', { hasText: 'Sent' }).waitFor()
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
    HERALDO_ZEROMQ_INGEST: 'null',
    HERALDO_ZEROMQ_REGISTRY_REP: registry.rep,
    HERALDO_ZEROMQ_REGISTRY_PUB: registry.pub,
    HERALDO_ZEROMQ_NOTIFIERS: JSON.stringify([`tcp://127.0.0.1:${await freePort()}`]),
  }
}
