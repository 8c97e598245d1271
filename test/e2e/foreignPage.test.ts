import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { openChromium } from '../support/chromium.ts'
import { type SocketioServer, startSocketio } from '../support/socketioServer.ts'
import { until } from '../support/until.ts'

/** Speaks Engine.IO through what needs no permission: script tags and forms, which carry cookies and name no Origin. */
const page = (gateway: string) => `<!doctype html><body><script>
  const heard = [], ended = [], say = (what) => ended.push(what)
  window.___eio = [(text) => heard.push(text), (text) => heard.push(text)]
  const tag = (name, query) => {
    const tag = document.createElement(name)
    tag.onload = () => say('loaded')
    tag.onerror = () => say('refused')
    tag.src = '${gateway}/socket.io/?EIO=4&transport=polling&' + query
    document.body.append(tag)
  }
  tag('script', 'j=0'), tag('script', 'j=1&sid='), tag('script', ''), tag('img', '')
  fetch('${gateway}/socket.io/?EIO=4&transport=polling', { credentials: 'include', mode: 'no-cors' })
    .then(() => say('no-cors'))
  const ws = new WebSocket('${gateway.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket')
  ws.onopen = () => say('open')
  ws.onerror = () => say('refused')
</script>`

let gateway: SocketioServer
let browser: Browser
const foreign = createServer((_, response) => {
  response.setHeader('content-type', 'text/html').end(page(gateway.url.replace('127.0.0.1', 'localhost')))
})

beforeAll(async () => {
  gateway = await startSocketio()
  foreign.listen(0, '127.0.0.1')
  await once(foreign, 'listening')
  browser = await openChromium()
})
afterAll(async () => {
  await browser?.close()
  foreign.closeAllConnections()
  foreign.close()
  await gateway.stop()
})

test('a page of another origin gets no connection with its visitor’s cookie, whatever it tries, in a real browser', async () => {
  const context = await browser.newContext()
  await context.addCookies([{ name: 'session', value: 'victim', domain: 'localhost', path: '/' }])
  const tab = await context.newPage()
  const cookies: unknown[] = []
  gateway.http.prependListener('request', ({ headers }) => cookies.push(headers.cookie))
  await tab.goto(`http://localhost:${(foreign.address() as AddressInfo).port}/`)
  await until('all ways were tried', async () => (await tab.evaluate<unknown[]>('ended')).length === 6)
  expect(cookies).toContain('session=victim')
  expect(await tab.evaluate('heard')).toEqual([])
  expect(gateway.heard('connection.refused').map(({ code }) => code)).toEqual(Array(6).fill('origin.forbidden'))
  expect(gateway.lobby.newcomers).toBe(0)
  await context.close()
})
