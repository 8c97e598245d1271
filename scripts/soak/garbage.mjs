// What nobody should send, at every door.
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { between, loop, oneOf, rest } from './loop.mjs'

const DOORS = [fromNotifier, overTcp, overHttp]

export const garbage = (scene, over) =>
  loop(
    over,
    () => between(20, 200),
    () => oneOf(DOORS)(scene, over),
  )

/** None of it is JSON, so nobody may hear it. */
async function fromNotifier({ witness, ledger }) {
  const to = oneOf(ledger.users) ?? '*'
  await witness.say(
    oneOf([
      [`${to}|{${randomBytes(30).toString('latin1')}`],
      [Buffer.concat([Buffer.from(`${to}|{`), randomBytes(200)])],
      [`${to}|`, '{"id":', '{}'],
      [`${to}|`, randomBytes(50), randomBytes(50)],
      [`${to}|`, '{}'],
      [`${to}|`, '{}', '{}', '{}'],
    ]),
  )
}

async function overTcp({ site }, over) {
  const address = oneOf([site.url, site.registry.rep, site.registry.pub])
  const port = Number(address.slice(address.lastIndexOf(':') + 1).replace('/', ''))
  const start = oneOf([
    '',
    'GET / HTTP/1.1\r\n',
    'GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n',
    '\xff\0\0\0\0\0\0\0\x01\x7f\x03',
  ])
  await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', async () => {
      socket.write(Buffer.concat([Buffer.from(start, 'latin1'), randomBytes(between(0, 500))]))
      await rest(between(0, 300), over)
      socket.destroy()
    })
    socket
      .resume()
      .on('error', () => {})
      .once('close', resolve)
  })
}

async function overHttp({ site }) {
  const authorization = oneOf([`Bearer ${site.key}`, 'Bearer wrong', ''])
  const [path, options] = oneOf([
    ['v1/notify', { method: 'POST', body: '{"recipient":' }],
    ['v1/notify', { method: 'POST', body: randomBytes(2000) }],
    ['v1/notify', { method: 'PUT', body: '{}' }],
    ['v1/tail?recipient=%ff', {}],
    ['socket.io/?EIO=4&transport=polling&sid=nobody', {}],
    ['socket.io/?EIO=9', {}],
    ['nothing', {}],
  ])
  const headers = { authorization, connection: 'close', 'content-type': 'application/json' }
  const response = await fetch(new URL(path, site.url), { ...options, headers }).catch(() => undefined)
  // It may hang up on nonsense. Whether it lives is seen elsewhere.
  await response?.arrayBuffer().catch(() => {})
  if (response?.status < 400) throw new Error(`${path} was answered ${response.status}`)
}
