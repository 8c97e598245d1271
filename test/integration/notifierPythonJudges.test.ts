import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { encodeUserId } from '../../src/core/address.ts'
import { parseDraft } from '../../src/core/draft.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { requirePython } from '../support/python.ts'

const FOLDER = 'notifiers/python'
const MAX_BYTES = 300
const CASES = 2000
const python = requirePython('zmq')

type Case = readonly ['body' | 'user' | 'channel' | 'header', unknown]

/** All at once: a process for each case would take minutes. */
function judgedByPython(cases: readonly Case[]): unknown[] {
  const env = { ...process.env, PYTHONPATH: FOLDER, PYTHONDONTWRITEBYTECODE: '1' }
  const input = cases.map((one) => `${JSON.stringify(one)}\n`).join('')
  const output = execFileSync(python, [`${FOLDER}/tests/judge.py`], {
    input,
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function judgedByTheGateway([kind, value]: Case): string {
  const to = kind === 'user' ? encodeUserId(String(value)) : kind === 'channel' ? `#${value}` : '42'
  const body = kind === 'body' ? Buffer.from(String(value), 'hex') : Buffer.from('1')
  const header = kind === 'header' ? { id: 'x', source: 's', ...Object(value) } : undefined
  try {
    parseDraft({ to: [to], header, body }, MAX_BYTES)
    return kind === 'user' || kind === 'channel' ? `${to}|` : 'ok'
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown.code
    throw thrown
  }
}

const pieces = ['[', ']', '{', '}', '"', ',', ':', '\\', '-', '0', '1', '.', 'e', 'true', 'NaN', 'Infinity', ' ', '\v']
const long = [
  '['.repeat(40),
  ']'.repeat(40),
  '"a"',
  '"a":',
  '\\u12',
  '\\n',
  '\u0001',
  'ä',
  '\u00a0',
  '\ufeff',
  '\\ud800',
]
const word = fc
  .array(fc.constantFrom('a', '|', '%', '#', '*', '!', '\0', '\x7f', 'ä', '😀', '7C', '\n', '\ud800', 'x'.repeat(99)), {
    maxLength: 5,
  })
  .map((parts) => parts.join(''))
const json = fc.json({ maxDepth: 6 })
const bytes = fc.oneof(
  fc.array(fc.constantFrom(...pieces, ...long), { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''))),
  json.map((text) => Buffer.from(text)),
  fc.tuple(fc.nat(140), json).map(([deep, text]) => Buffer.from('['.repeat(deep) + text + ']'.repeat(deep))),
  fc.tuple(json, fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
    const broken = Buffer.from(text)
    broken[at % broken.length] = byte
    return broken
  }),
)
const header = fc.record(
  {
    id: word,
    type: word,
    collapse: word,
    ttl: fc.constantFrom(-1, 0, 1, 1.5, 31_536_000, 31_536_001),
    at: fc.constantFrom(-1, 0, 1.5, 2 ** 53 - 1, 2 ** 53),
  },
  { requiredKeys: [] },
)

test.each<[Case[0], fc.Arbitrary<unknown>]>([
  ['body', bytes.map((given) => given.toString('hex'))],
  ['user', word],
  ['channel', fc.oneof(word, fc.constantFrom('a-b_=@,.;Z9', 'x'.repeat(200), 'x'.repeat(201)))],
  ['header', header],
])(
  'every %s that the Python SDK sends is one that gateways take, and what it refuses they refuse alike',
  (kind, values) => {
    const seed = Date.now() % 2 ** 31
    const cases = fc.sample(values, { numRuns: CASES, seed }).map((value): Case => [kind, value])
    const verdicts = judgedByPython(cases)
    const wanted = cases.map(judgedByTheGateway)
    const differ = cases.map((one, n) => ({ seed, one, python: verdicts[n], gateway: wanted[n] }))
    expect(differ.filter(({ python, gateway }) => python !== gateway)).toEqual([])
    // Both verdicts occurred, or nothing was compared.
    expect(new Set(wanted.map((verdict) => verdict.startsWith('draft.')))).toEqual(new Set([true, false]))
  },
)
