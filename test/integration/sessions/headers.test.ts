import { connect } from 'node:net'
import { type GatewayProcess, JWT_SECRET, startGateway } from '../../support/gatewayProcess.ts'
import { token } from '../../support/sessions.ts'

const DIGITS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_'
const NAMES = Array.from({ length: 4096 }, (_, n) => `${DIGITS[n >> 6]}${DIGITS[n & 63]}`)

let gateway: GatewayProcess
let good: string

beforeAll(async () => {
  gateway = await startGateway({ sessions: [{ use: 'jwt', secret: JWT_SECRET, cookie: 'sid' }] })
  good = `sid=${await token('42')}`
})
// Whatever came, the same process still admits people.
afterEach(async () => {
  expect(await answerTo(`Cookie: ${good}`)).toEqual({ user: '42' })
})
afterAll(async () => {
  expect([await gateway.stop(), gateway.stderr()]).toEqual([0, ''])
})

test.each([
  ['in one header', `X-Noise: ${'x'.repeat(65_536)}`],
  ['in a cookie', `Cookie: sid=${'x'.repeat(65_536)}`],
  ['in 4,096 headers', NAMES.map((name) => `X-${name}: 1234567890`).join('\r\n')],
  ['in 4,096 cookies', `Cookie: ${NAMES.map((name) => `${name}=1234567890`).join('; ')}`],
])('64 KB of headers, %s, get 431', async (_, headers) => {
  expect(await answerTo(headers)).toEqual({ status: 431 })
})

test('a header that never ends gets 431 as soon as it is too long', async () => {
  const answer = await send(`GET / HTTP/1.1\r\nHost: x\r\nX-Noise: ${'x'.repeat(65_536)}`)
  expect(answer).toMatch(/^HTTP\/1\.1 431 /)
})

test('among 4,096 cookies the right one is found, and quickly', async () => {
  const many = NAMES.join(';')
  const begun = performance.now()
  for (const cookie of [`${good};${many}`, `${many};${good}`])
    expect(await answerTo(`Cookie: ${cookie}`)).toEqual({ user: '42' })
  expect(await answerTo(`Cookie: ${many}`)).toEqual({ refusal: 'session.missing' })
  expect(performance.now() - begun).toBeLessThan(5_000)
})

test('a name that stands there several times is tried eight times, and nine are refused', async () => {
  const forged = (count: number) => Array.from({ length: count }, (_, n) => `sid=forged${n}`)
  for (const cookies of [
    [...forged(7), good],
    [good, ...forged(7)],
  ]) {
    expect(await answerTo(`Cookie: ${cookies.join('; ')}`)).toEqual({ user: '42' })
    // Several headers are one to Node.
    expect(await answerTo(cookies.map((cookie) => `Cookie: ${cookie}`).join('\r\n'))).toEqual({ user: '42' })
  }
  expect(await answerTo(`Cookie: ${[...forged(8), good].join('; ')}`)).toEqual({ refusal: 'session.invalid' })
  expect(await answerTo(`Cookie: ${forged(8).join('; ')}`)).toEqual({ refusal: 'session.invalid' })
})

test.each([
  ['latin-1', 'ñ'],
  ['UTF-8', Buffer.from('Ñandú 🚀').toString('latin1')],
  ['bytes that are no UTF-8', '\xff\xfe\xc0\x80'],
  ['percent signs that encode nothing', '%%%zz%'],
  ['quotes and equals signs', '="=;="";==;'],
])('cookies of %s beside the right one do not matter, in its place they are refused', async (_, bytes) => {
  expect(await answerTo(`Cookie: ${bytes}=${bytes}; ${good}; x=${bytes}`)).toEqual({ user: '42' })
  expect(await answerTo(`Cookie: sid=${bytes}x`)).toEqual({ refusal: 'session.invalid' })
  expect(await answerTo(`Cookie: ${good}${bytes.replaceAll(';', '')}x`)).toEqual({ refusal: 'session.invalid' })
})

test.each(
  Array.from({ length: 32 }, (_, code) => code)
    .concat(127)
    .filter((code) => code !== 9),
)('the control byte %i in a cookie is refused, by Node or with a code', async (code) => {
  const answer = await answerTo(`Cookie: sid=a${String.fromCharCode(code)}b`)
  expect([{ status: 400 }, { refusal: 'session.invalid' }]).toContainEqual(answer)
})

type Answer = { readonly user: string } | { readonly refusal: string } | { readonly status: number }

/** What a browser with these headers, byte for byte, gets to hear over long-polling. */
async function answerTo(headers: string): Promise<Answer> {
  const path = '/socket.io/?EIO=4&transport=polling'
  const opened = await send(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n\r\n`)
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(opened)?.[1])
  const sid = /"sid":"([^"]+)"/.exec(opened)?.[1]
  if (status !== 200 || sid === undefined) return { status }
  const session = `${gateway.url}${path}&sid=${sid}`
  await fetch(session, { method: 'POST', body: '40' })
  let heard = ''
  while (!/"user":|"code":/.test(heard)) {
    const polled = await fetch(session)
    if (polled.status !== 200) return { status: polled.status }
    heard += await polled.text()
  }
  await fetch(session, { method: 'POST', body: '1' })
  const user = /"user":\{"id":"([^"]+)"\}/.exec(heard)?.[1]
  return user === undefined ? { refusal: /"code":"([^"]+)"/.exec(heard)?.[1] ?? heard } : { user }
}

/** Characters are bytes. Resolves to all that came until the gateway closed. */
function send(request: string): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(request, 'latin1'))
    socket.on('data', (chunk) => void chunks.push(chunk))
    // It may close before it has read everything.
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}
