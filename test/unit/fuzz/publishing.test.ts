import fc from 'fast-check'
import { formatRecipient, parseRecipient } from '../../../src/core/address.ts'
import { parseDraft, stamp } from '../../../src/core/draft.ts'
import { GatewayError } from '../../../src/core/errors.ts'
import { memoryDirectory } from '../../../src/memory/directory.ts'
import { decodeFrames } from '../../../src/zeromq/frames.ts'
import { answer } from '../../../src/zeromq/registryRequests.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { bitten, fuzz, judged } from '../../support/fuzz.ts'

const MAX_BYTES = 1024
const pieces = ['4', '2', '#', '*', '!', '%', '%7C', '%23', '%7c', '\0', '\x7f', 'ä', '😀', 'orders', 'x'.repeat(99)]
const recipient = fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((parts) => parts.join(''))
const printed = (values: fc.Arbitrary<unknown>) => values.map((value) => Buffer.from(JSON.stringify(value)))
const numbers = fc.oneof(fc.constantFrom(0, 1, 60, 31_536_000, 31_536_001, 2 ** 53, -1, 0.5), fc.double())
const text = fc.oneof(fc.constantFrom('', 'orders', 'x'.repeat(128), 'x'.repeat(201)), fc.string({ unit: 'binary' }))
const either = (likely: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 9, arbitrary: likely }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) })

const header = fc.record(
  {
    v: either(fc.constantFrom(1, 1, 2)),
    id: either(text),
    type: either(text),
    source: either(text),
    epoch: either(text),
    collapse: either(text),
    ttl: either(numbers),
    at: either(numbers),
    seq: either(numbers),
    ['__proto__']: text,
  },
  { requiredKeys: [] },
)
const json = fc.oneof(
  printed(fc.jsonValue({ maxDepth: 4 })),
  fc.nat(70).map((deep) => Buffer.from('['.repeat(deep) + ']'.repeat(deep))),
  fc.nat(MAX_BYTES + 9).map((length) => Buffer.alloc(length, '7')),
)
const first = fc.tuple(
  recipient,
  fc.constantFrom('|', '|', '|', '', '||'),
  fc.oneof(json, fc.constant(Buffer.alloc(0))),
)
const frames = fc.oneof(
  first.map(([to, bar, body]) => [Buffer.from(to + bar + body)]),
  fc.tuple(recipient, printed(header), json).map(([to, ...rest]) => [Buffer.from(`${to}|`), ...rest]),
  fc.tuple(bitten(recipient.map((to) => Buffer.from(`${to}|`))), bitten(printed(header)), bitten(json)),
  fc.array(fc.uint8Array({ maxLength: 40 }).map(Buffer.from), { maxLength: 5 }),
)

test('whatever frames a notifier sends, they are a notification with the body untouched, or a coded refusal (fuzz)', () => {
  const verdicts = new Set<boolean>()
  fuzz(
    fc.property(frames, (sent) => {
      const draft = judged(() => parseDraft(decodeFrames(sent), MAX_BYTES))
      verdicts.add(draft instanceof GatewayError)
      if (draft instanceof GatewayError) return expect(draft.code).toMatch(/^draft\./)
      const whole = Buffer.concat(sent.length === 1 ? sent : [sent[0] ?? '', sent[2] ?? ''].map(Buffer.from))
      const [to = 'everyone'] = draft.to
      expect(Buffer.concat([Buffer.from(`${formatRecipient(to)}|`), draft.body])).toEqual(whole)
      const { at, expiresAt = at } = stamp(draft, to, 'n-1', 1_763_750_000_000)
      expect(Number.isFinite(at) && Number.isFinite(expiresAt)).toBe(true)
    }),
  )
  expect(verdicts.size).toBe(2)
})

test('a recipient on the wire is the one writing of its address, or refused (fuzz)', () => {
  const verdicts = new Set<boolean>()
  fuzz(
    fc.property(fc.oneof(recipient, fc.string({ unit: 'binary', maxLength: 210 })), (wire) => {
      const address = judged(() => parseRecipient(wire))
      verdicts.add(address instanceof GatewayError)
      if (address instanceof GatewayError) expect(address.code).toBe('draft.recipient')
      else expect(formatRecipient(address)).toBe(wire)
    }),
  )
  expect(verdicts.size).toBe(2)
})

const address = fc.oneof(
  fc.constantFrom('tcp://127.0.0.1:20105', 'ipc:///tmp/x', 'tcp://*:1', 'tcp://[::1]:99999', 'tcp://0.0.0.0:1', ''),
  fc
    .array(fc.constantFrom('tcp://', 'ipc://', '[', ']', ':', '.', '-', 'a', '1', '\n', 'é'), { maxLength: 9 })
    .map((parts) => parts.join('')),
)
const request = fc.record(
  {
    type: either(
      fc.constantFrom('get-publishers', 'add-publisher', 'add-publisher', 'remove-publisher', 'describe-publishers'),
    ),
    address: either(address),
    name: either(text),
    ttl: either(numbers),
    ['__proto__']: text,
  },
  { requiredKeys: ['type'] },
)
const requests = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: printed(request).map((frame) => [frame]) },
    { weight: 2, arbitrary: bitten(printed(request)).map((frame) => [frame]) },
    { weight: 1, arbitrary: fc.array(json, { maxLength: 3 }) },
  ),
  { maxLength: 4 },
)

test('whatever the registry is asked, it answers a list or a coded refusal that changed nothing (fuzz)', () => {
  const verdicts = new Set<boolean>()
  fuzz(
    fc.property(requests, (asked) => {
      const directory = memoryDirectory({ clock: fakeClock() })
      for (const sent of asked) {
        const before = directory.addresses()
        const reply = judged(() => answer(sent, directory))
        verdicts.add(reply instanceof GatewayError)
        if (!(reply instanceof GatewayError)) expect(JSON.parse(JSON.stringify(reply))).toBeInstanceOf(Array)
        else expect([reply.code.split('.')[0], directory.addresses()]).toEqual(['registry', before])
      }
    }),
  )
  expect(verdicts.size).toBe(2)
})
