import fc from 'fast-check'
import { GatewayError } from '../../src/core/errors.ts'
import { readPickle } from '../../src/sessions/pickle.ts'
import { PY_LIMITS } from '../../src/sessions/pyValue.ts'
import { pickleFixtures, tagged } from '../fixtures/sessionFixtures.ts'
import { fuzz } from '../support/fuzz.ts'

/** Long enough for a machine that is busy, far below what a bomb would take. */
const SOON_MS = 2_000

describe('what would cost more than it weighs is refused in time', () => {
  const laughs = `]q\x00(N${'N'.repeat(9)}e${levels(40, (n) => `]q${byte(n + 1)}(${`h${byte(n)}`.repeat(10)}e`)}`
  const shared = (text: string) => `X${u32(text.length)}${text}q\x00X\x06\x00\x00\x00latin1q\x01`
  const bombs: readonly (readonly [string, string, string])[] = [
    ['lists of lists of one list', `${laughs}.`, 'MALFORMED'],
    [
      'the same as one value',
      `]q\x00Na${levels(40, (n) => `]q${byte(n + 1)}(${`h${byte(n)}`.repeat(10)}e`)}${'\x86'.repeat(40)}.`,
      'LIMIT',
    ],
    ['pairs of pairs', `)${levels(60, (n) => `q${byte(n)}h${byte(n)}\x86`)}.`, 'LIMIT'],
    ['pairs of pairs as a key', `})${levels(60, (n) => `q${byte(n)}h${byte(n)}\x86`)}Ns.`, 'LIMIT'],
    ['a list in itself', ']q\x00h\x00a.', 'LIMIT'],
    ['a dictionary in itself', '}q\x00Nh\x00s.', 'LIMIT'],
    ['a tuple that holds itself through a list', ']q\x00h\x00\x85a.', 'LIMIT'],
    ['65 lists', `${']'.repeat(65)}${'a'.repeat(64)}.`, 'LIMIT'],
    ['a million lists', `${']'.repeat(500_000)}${'a'.repeat(499_999)}.`, 'LIMIT'],
    ['a million marks', '('.repeat(1_000_000), 'LIMIT'],
    ['a million copies', `]${'2'.repeat(1_000_000)}.`, 'LIMIT'],
    ['a hundred thousand and one values', `](${'N'.repeat(100_000)}e.`, 'LIMIT'],
    [
      'bytes made from one text again and again',
      `](${shared('x'.repeat(400_000))}${`0c_codecs\nencode\nh\x00h\x01\x86R`.repeat(20_000)}e.`,
      'LIMIT',
    ],
    [
      'sets made from one list again and again',
      `](](${'K\x01'.repeat(90_000)}eq\x000${`c__builtin__\nset\nh\x00\x85R`.repeat(20_000)}e.`,
      'LIMIT',
    ],
    [
      'decimals made from one text again and again',
      `](X${u32(400_000)}${'9'.repeat(400_000)}q\x000${`cdecimal\nDecimal\nh\x00\x85R`.repeat(20_000)}e.`,
      'LIMIT',
    ],
    ['numbers of 300,000 digits', `L${'9'.repeat(300_000)}L\n.`, 'LIMIT'],
    ['a number of 4,301 digits', `L1${'0'.repeat(4_300)}\n.`, 'LIMIT'],
    ['a number of 4,301 digits in bytes', `\x8b${u32(1787)}${'\x7f'.repeat(1787)}.`, 'LIMIT'],
    ['a number of 500,000 bytes', `\x8b${u32(500_000)}${'\x7f'.repeat(500_000)}.`, 'LIMIT'],
    [
      'numbers as keys that hash alike',
      `}(${levels(50_000, (n) => `\x8a\x0b\x05${'\0'.repeat(7)}${byte(n)}${byte(n >> 8)}\x01N`)}u.`,
      'LIMIT',
    ],
    ['a float of 80,000 digits', `F${'1'.repeat(80_000)}x\n.`, 'LIMIT'],
    ['a decimal of 80,000 digits', `cdecimal\nDecimal\n(V${'1'.repeat(80_000)}x\ntR.`, 'LIMIT'],
    ['half a million values added one by one', `]${'Na'.repeat(520_000)}.`, 'LIMIT'],
    ['one byte more than a megabyte', `X${u32(1_048_571)}${'x'.repeat(1_048_571)}.`, 'LIMIT'],
    ['a reference numbered two thousand million', 'Nr\xff\xff\xff\x7f.', 'LIMIT'],
  ]
  test.each(bombs)('%s', (_, pickle, reason) => {
    const startedAt = performance.now()
    expect(reasonOf(pickle)).toBe(reason)
    expect(performance.now() - startedAt).toBeLessThan(SOON_MS)
  })

  test('what is just within the bounds is read', () => {
    expect(readPickle(latin1(`${']'.repeat(64)}${'a'.repeat(63)}.`)).t).toBe('list')
    expect(readPickle(latin1(`](${'N'.repeat(99_998)}e.`))).toMatchObject({ v: { length: 99_998 } })
    expect(readPickle(latin1(`L${'9'.repeat(4_300)}L\n.`))).toEqual({ t: 'int', v: BigInt('9'.repeat(4_300)) })
    expect(readPickle(latin1(`X${u32(1_048_570)}${'x'.repeat(1_048_570)}.`))).toMatchObject({ t: 'str' })
    expect(readPickle(latin1(`}(${levels(30_000, (n) => `M${byte(n)}${byte(n >> 8)}N`)}u.`))).toMatchObject({
      v: { size: 30_000 },
    })
  })

  test.each([1n, -1n])('a number in bytes has up to 4,300 digits, with the sign of %d', (sign) => {
    const largest = 10n ** 4_300n - 1n
    expect(readPickle(latin1(long(sign * largest)))).toEqual({ t: 'int', v: sign * largest })
    expect(reasonOf(long(sign * (largest + 1n)))).toBe('LIMIT')
  })

  test('tighter limits hold as well', () => {
    const limits = { ...PY_LIMITS, maxDepth: 1, maxNodes: 4, maxBytes: 8 }
    expect(readPickle(latin1('](NNe.'), limits)).toEqual({ t: 'list', v: [{ t: 'none' }, { t: 'none' }] })
    for (const pickle of [']]a.', '](NNNe.', '](NNe00000.'])
      expect(() => readPickle(latin1(pickle), limits)).toThrow(expect.objectContaining({ reason: 'LIMIT' }))
  })
})

test.each([
  ['os.system', "cos\nsystem\n(S'id'\ntR."],
  ['a name that nobody calls', 'cos\nsystem\n0N.'],
  ['a class of the list that nobody calls', 'cdatetime\ndatetime\n.'],
  ['a class inside a list', '](cdatetime\ndatetime\ne.'],
  ['a class as a key', '}cdatetime\ndatetime\nNs.'],
  ['a class in a tuple', 'cdatetime\ndatetime\n\x85.'],
  ['a name with dots', 'cdatetime\ndatetime.__class__\n.'],
  ['a module that only begins alike', 'cdatetime.os\nsystem\n.'],
  ['the parts of a known name, cut elsewhere', 'cdecimal.Decimal\n__class__\n.'],
  ['a known name cut elsewhere', 'ccollections.OrderedDict\n\n.'],
  ['a name from JavaScript', 'c__proto__\nconstructor\n.'],
  ['a name that builtins has in JavaScript too', 'cbuiltins\ntoString\n.'],
  ['a call of text', "S'eval'\n(tR."],
  ['a call of what a call made', 'cbuiltins\nset\n)R)R.'],
  ['another codec', 'c_codecs\nencode\n(V\nVzlib\ntR.'],
  ['bytes of a size', 'c__builtin__\nbytes\n(I9999999\ntR.'],
  ['a bytearray of a size', 'c__builtin__\nbytearray\n(I9999999\ntR.'],
  ['a time zone that is no zone', 'cdatetime\ndatetime\n(C\x0a\x07\xe9\x06\x0f\x0c"8\x0c\n\x14]tR.'],
  ['an object that is no UUID', 'cdecimal\nDecimal\n)\x81.'],
  ['a UUID with other state', "cuuid\nUUID\n)\x81}S'int'\nI1\nsS'hex'\nN" + 's' + 'b.'],
  ['state for a dictionary', '}}b.'],
  ['state for a UUID that has it', "cuuid\nUUID\n)\x81}S'int'\nI1\nsb}b."],
  ['_reconstructor of something else', 'ccopy_reg\n_reconstructor\n(cdecimal\nDecimal\nc__builtin__\nobject\nNtR.'],
  ['INST', "(S'id'\nios\nsystem\n."],
  ['OBJ', "(cdatetime\ndate\nS'id'\no."],
  ['an extension', '\x82\x01.'],
  ['a persistent id', 'Pfile\n.'],
])('%s is unsafe', (_, pickle) => {
  expect(reasonOf(pickle)).toBe('UNSAFE')
})

test.each([
  ['a string that would be code', "S''+process.exit(1)+''\n."],
  ['a string with a naked quote', "S'it's'\n."],
  ['a string without quotes', 'Sabc\n.'],
  ['a string with two kinds of quotes', 'S\'abc"\n.'],
  ['one quote alone', "S'\n."],
  ['a string with a cut escape', "S'abc\\'\n."],
  ['a string with half a byte', "S'\\x4'\n."],
  ['text with half an escape', 'V\\u12\n.'],
  ['text beyond Unicode', 'V\\U00110000\n.'],
  ['text that is no UTF-8', 'X\x02\0\0\0\xc3(.'],
  ['half a surrogate', 'X\x02\0\0\0\xed\xa0.'],
  ['an integer in hexadecimal', 'I0x10\n.'],
  ['an integer with an underscore', 'I1_0\n.'],
  ['an integer with spaces', 'I 1\n.'],
  ['an empty integer', 'I\n.'],
  ['an empty float', 'F\n.'],
  ['a float with words', 'F1.0 or so\n.'],
  ['a date on the 30th of February', 'cdatetime\ndate\n(C\x04\x07\xe9\x02\x1etR.'],
  ['a time at 24:00', 'cdatetime\ntime\n(C\x06\x18\0\0\0\0\0tR.'],
  ['a decimal that is none', "cdecimal\nDecimal\n(S'1e'\ntR."],
  ['a UUID of 129 bits', `cuuid\nUUID\n)\x81}S'int'\nL${2n ** 128n}L\nsb.`],
  ['a UUID without its state', 'cuuid\nUUID\n)\x81.'],
  ['a list as a key', '}]Ns.'],
  ['a list deep in a key', '}]\x85\x85Ns.'],
  ['a dictionary in a set', '\x8f(}\x90.'],
  ['a key without a value', '(N' + 'd.'],
  ['adding to a tuple', ')Na.'],
  ['a value below the mark', 'N(0a.'],
  ['taking what lies below the mark', 'NN(\x86.'],
  ['copying what lies below the mark', 'N(2t\x86.'],
  ['two values', 'NN.'],
  ['a mark left over', 'N(.'],
  ['no value', '.'],
  ['bytes after the end', 'N.N'],
  ['a reference that is no number', 'Nptwo\n.'],
  ['a negative reference', 'Np-1\n.'],
  ['a frame longer than the pickle', `\x80\x04\x95${'\xff'.repeat(8)}N.`],
  ['text encoded without a codec', 'c_codecs\nencode\n(VA\ntR.'],
  ['a JSON object', '{"a":1}'],
])('%s is malformed', (_, pickle) => {
  expect(reasonOf(pickle)).toBe('MALFORMED')
})

test.each<[string, string, unknown]>([
  [
    'escapes of Python 2',
    "S'\\'\\\"\\\\\\n\\x41\\101\\q'\n.",
    { t: 'str8', v: Buffer.from('\'"\\\nAA\\q').toString('base64') },
  ],
  ['the other quote inside', 'S"it\'s"\n.', { t: 'str8', v: Buffer.from("it's").toString('base64') }],
  ['an escaped quote by its number', "S'\\x27'\n.", { t: 'str8', v: Buffer.from("'").toString('base64') }],
  ['a backslash before u, escaped itself', 'V\\\\u0041\\u0041\n.', { t: 'str', v: '\\\\u0041A' }],
  ['an astral character', 'V\\U0001f680\n.', { t: 'str', v: '🚀' }],
  ['lone surrogates, which Python lets stand', 'X\x05\0\0\0a\xed\xa0\x80b.', { t: 'str', v: 'a\ud800b' }],
  ['a byte order mark', 'X\x04\0\0\0\xef\xbb\xbfa.', { t: 'str', v: '\ufeffa' }],
  ['a negative number of one byte', '\x8a\x01\xff.', { t: 'int', v: '-1' }],
  ['an empty number', '\x8a\x00.', { t: 'int', v: '0' }],
  ['one mark over another', '((K\x01tt.', { t: 'tuple', v: [{ t: 'tuple', v: [{ t: 'int', v: '1' }] }] }],
  ['an infinite float', 'F-inf\n.', { t: 'float', v: '-Infinity' }],
  ['nan', 'Fnan\n.', { t: 'float', v: 'NaN' }],
  ['the leap day', 'cdatetime\ndate\n(C\x04\x07\xe8\x02\x1dtR.', { t: 'date', v: '2024-02-29' }],
  [
    'a time zone west of Greenwich',
    'cdatetime\ndatetime\n(C\x0a\x07\xe9\x06\x0f\x0c"8\0\0\0cdatetime\ntimezone\n(cdatetime\ntimedelta\n(I-1\nI70200\nI0\ntRtRtR.',
    { t: 'datetime', v: '2025-06-15T12:34:56-04:30' },
  ],
  [
    'an ordered dictionary of Python 2',
    "ccollections\nOrderedDict\n((lp0\n(lp1\nS'a'\naI1\naatR.",
    {
      t: 'dict',
      v: [
        [
          { t: 'str8', v: 'YQ==' },
          { t: 'int', v: '1' },
        ],
      ],
    },
  ],
  [
    'one key, set twice',
    '}(K\x01K\x02\x88K\x03u.',
    {
      t: 'dict',
      v: [
        [
          { t: 'bool', v: true },
          { t: 'int', v: '3' },
        ],
      ],
    },
  ],
])('%s is read as Python reads it', (_, pickle, value) => {
  expect(tagged(readPickle(latin1(pickle)))).toEqual(value)
})

test('a pickle that is cut anywhere is malformed, and nothing else', () => {
  for (const { name, pickle, expected } of pickleFixtures) {
    if (!expected.ok || pickle.length > 4_000) continue
    for (let end = 0; end < pickle.length; end++) {
      const reason = reasonOf(pickle.subarray(0, end))
      if (reason !== 'MALFORMED') throw new Error(`${name} cut at ${end}: ${reason}`)
    }
  }
})

test('whatever the bytes are, the answer is a value or a coded refusal, soon (fuzz)', () => {
  const opcodes = [...'.(012pqrgjhNIKLJMFGVXSTUBC)t]laed}sucRbioPQ'].map((character) => character.charCodeAt(0))
  const code = fc.constantFrom(...opcodes, ...Array.from({ length: 0x19 }, (_, at) => 0x80 + at))
  const program = fc.array(fc.oneof({ weight: 4, arbitrary: code }, fc.integer({ min: 0, max: 255 })), {
    maxLength: 200,
  })
  const random = fc.uint8Array({ maxLength: 300 })
  const bitten = fc
    .tuple(
      fc.constantFrom(...pickleFixtures.filter(({ pickle }) => pickle.length < 5_000)),
      fc.nat(),
      fc.nat({ max: 255 }),
    )
    .map(([{ pickle }, at, value]) => pickle.map((held, index) => (index === at % pickle.length ? value : held)))
  fuzz(
    fc.property(
      fc.oneof(
        random,
        program.map((bytes) => Uint8Array.from(bytes)),
        bitten,
      ),
      (bytes) => {
        const startedAt = performance.now()
        const reason = reasonOf(bytes)
        expect(['a value', 'MALFORMED', 'LIMIT', 'UNSAFE', 'UNSUPPORTED']).toContain(reason)
        expect(performance.now() - startedAt).toBeLessThan(SOON_MS)
      },
    ),
  )
})

test('keys that JavaScript knows are keys like any other', () => {
  const value = readPickle(latin1("}(S'__proto__'\n}S'admin'\nI01\nsS'constructor'\nNS'toString'\nNu."))
  expect(value).toMatchObject({ t: 'dict', v: { size: 3 } })
  expect({}).not.toHaveProperty('admin')
})

function reasonOf(pickle: string | Uint8Array): string {
  try {
    readPickle(typeof pickle === 'string' ? latin1(pickle) : pickle)
    return 'a value'
  } catch (error) {
    if (error instanceof GatewayError) return `${error.reason}`
    throw error
  }
}

function latin1(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

function levels(count: number, level: (n: number) => string): string {
  return Array.from({ length: count }, (_, n) => level(n)).join('')
}

/** `LONG4`: two's complement, least significant byte first. */
function long(value: bigint): string {
  const hex = BigInt.asUintN(1792 * 8, value)
    .toString(16)
    .padStart(1792 * 2, '0')
  return `\x8b${u32(1792)}${Buffer.from(hex, 'hex').reverse().toString('latin1')}.`
}

function byte(n: number): string {
  return String.fromCharCode(n & 0xff)
}

function u32(n: number): string {
  return byte(n) + byte(n >> 8) + byte(n >> 16) + byte(n >> 24)
}
