import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { KEY, type RunningApp, runApp } from '../../integration/http/runningApp.ts'
import { bitten, fuzz, judgedLater } from '../../support/fuzz.ts'

let app: RunningApp
let connection: Socket
beforeAll(async () => {
  app = await runApp()
  connection = connect({ port: Number(new URL(app.url).port), noDelay: true }).setEncoding('utf8')
})
afterAll(() => {
  connection.destroy()
  return app.stop()
})

const ANSWER = /^HTTP\/1\.1 ([0-9]{3}) .*?\r\nContent-Length: ([0-9]+)\r\n.*?\r\n\r\n(.*)$/s

const word = fc.constantFrom('42', '#orders', '*', '%', '', 'a|b', '\0', '\ud800', 'x'.repeat(201))
const either = (likely: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 9, arbitrary: likely }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) })
const envelope = fc.record(
  {
    recipient: either(fc.oneof(word, fc.array(word, { maxLength: 3 }))),
    notification: fc.jsonValue({ maxDepth: 4 }),
    keep: either(fc.boolean()),
    id: either(fc.uuid()),
    type: either(word),
    source: either(word),
    collapse: either(word),
    ttl: either(fc.constantFrom(1, 60, 0, 1e99)),
    ['__proto__']: word,
    stranger: word,
  },
  { requiredKeys: ['recipient', 'notification', 'keep'], noNullPrototype: true },
)
const printed = envelope.map((value) => Buffer.from(JSON.stringify(value)))
const plain = fc.record({
  recipient: fc.constantFrom('42', ['42', '#orders'], '*'),
  notification: fc.jsonValue({ maxDepth: 4 }),
  keep: fc.boolean(),
})
const body = fc.oneof(
  { weight: 2, arbitrary: plain.map((value) => Buffer.from(JSON.stringify(value))) },
  { weight: 4, arbitrary: printed },
  { weight: 4, arbitrary: bitten(printed) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map(Buffer.from) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }).map((value) => Buffer.from(JSON.stringify(value))) },
  { weight: 1, arbitrary: fc.nat(70).map((deep) => Buffer.from(`{"notification":${'['.repeat(deep)}1e999`)) },
)

test('whatever is posted to /v1/notify, the answer is a receipt or a coded refusal in JSON (fuzz)', async () => {
  const verdicts = new Set<unknown>()
  await fuzz(
    fc.asyncProperty(body, async (sent) => {
      const answer = await judgedLater(() => post(sent))
      if (answer instanceof Error) throw answer
      const { status, text } = answer
      const reply = JSON.parse(text)
      verdicts.add(reply.ok)
      if (reply.ok === true) return expect([200, 202]).toContain(status)
      const said = `${reply.ok} ${reply.error.code} ${status}`
      expect(said).toMatch(/^false (draft\.tooLarge 413|draft\.idConflict 409|draft\.\w+ 400)$/)
    }),
  )
  expect(verdicts.size).toBe(2)
})

/** One connection for all, without a client between: it would take longer than the gateway. */
function post(body: Buffer): Promise<{ status: number; text: string }> {
  const head = `POST /v1/notify HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: application/json`
  return new Promise((resolve, reject) => {
    let answer = ''
    const take = (piece: string) => {
      answer += piece
      const [, status, length, text = ''] = ANSWER.exec(answer) ?? []
      if (length === undefined || Buffer.byteLength(text) < Number(length)) return
      connection.off('data', take).off('close', lost)
      resolve({ status: Number(status), text })
    }
    const lost = () => reject(new Error(`the connection was closed after ${answer}`))
    connection.on('data', take).on('close', lost)
    connection.write(Buffer.concat([Buffer.from(`${head}\r\nContent-Length: ${body.length}\r\n\r\n`), body]))
  })
}
