import { readPickle } from '../../src/sessions/pickle.ts'
import { canonical, tagged } from '../fixtures/sessionFixtures.ts'
import { requirePython, runPython } from '../support/python.ts'

const CASES = 300

/** Prints pickles of random plain data in every protocol, and with each what Python reads out of it. */
const PICKLER = `
import base64, collections, datetime as d, decimal, json, pickle, random, struct, sys, uuid
r = random.Random(int(sys.argv[1]))
b64 = lambda raw: base64.b64encode(raw).decode()

def text():
    alphabet = r.choice(['abc', "'\\"\\\\\\\\\\n\\t\\r\\0\\x1a", 'ñéß', '日本語', '🚀𝄞', 'u0041\\\\\\\\U', '\\ud800x', '\\ufeff'])
    return ''.join(r.choice(alphabet) for _ in range(r.choice([0, 1, 3, 20, 300])))

def raw():
    return bytes(r.randrange(256) for _ in range(r.choice([0, 1, 3, 20, 300])))

def number():
    return r.choice([-1, 1]) * r.getrandbits(r.choice([1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 53, 54, 63, 64, 65, 127, 2040, 2048]))

def zone():
    return r.choice([None, d.timezone.utc, d.timezone(d.timedelta(minutes=r.randrange(-1439, 1440))),
                     d.timezone(d.timedelta(seconds=r.randrange(-80000, 80000), microseconds=r.randrange(10**6)), 'X')])

def hashable(depth):
    return r.choice([lambda: None, lambda: r.random() < .5, number, lambda: r.uniform(-1e9, 1e9), text, raw,
                     lambda: tuple(hashable(depth + 1) for _ in range(r.randrange(4) if depth < 4 else 0)),
                     lambda: frozenset(hashable(depth + 1) for _ in range(r.randrange(3) if depth < 4 else 0)),
                     lambda: d.date.fromordinal(r.randrange(1, 3652059)), lambda: uuid.UUID(int=r.getrandbits(128)),
                     lambda: decimal.Decimal(r.choice(['0', '-1.50', '1E+5', 'NaN', 'NaN12', '-Infinity', '1e-9']))])()

shared = []
def value(depth):
    if shared and r.random() < .1: return r.choice(shared)
    made = r.choice([lambda: hashable(depth), lambda: hashable(depth),
        lambda: struct.unpack('>d', bytes(r.randrange(256) for _ in range(8)))[0],
        lambda: r.choice([0.0, -0.0, float('inf'), float('-inf'), float('nan'), 5e-324, 1e22]),
        lambda: bytearray(raw()), lambda: d.timedelta(r.randrange(-10**6, 10**6), r.randrange(86400), r.randrange(10**6)),
        lambda: d.datetime(r.randrange(1, 10000), r.randrange(1, 13), r.randrange(1, 29), r.randrange(24), r.randrange(60),
                           r.randrange(60), r.choice([0, r.randrange(10**6)]), zone(), fold=r.randrange(2)),
        lambda: d.time(r.randrange(24), r.randrange(60), r.randrange(60), r.choice([0, 1, 999999]), zone(), fold=r.randrange(2)),
        lambda: zone(), lambda: {hashable(depth + 1) for _ in range(r.randrange(4))},
        lambda: [value(depth + 1) for _ in range(r.randrange(5) if depth < 5 else 0)],
        lambda: tuple(value(depth + 1) for _ in range(r.randrange(5) if depth < 5 else 0)),
        lambda: {hashable(depth + 1): value(depth + 1) for _ in range(r.randrange(5) if depth < 5 else 0)},
        lambda: collections.OrderedDict((text(), value(depth + 1)) for _ in range(r.randrange(4) if depth < 5 else 0))])()
    if r.random() < .2: shared.append(made)
    return made

def offset(z):
    text = d.datetime(2000, 1, 1, tzinfo=z).isoformat()
    return text[19:]

def tag(v):
    if v is None: return {'t': 'none'}
    if isinstance(v, (bytes, bytearray)): return {'t': type(v).__name__, 'v': b64(v)}
    if isinstance(v, (bool, str)): return {'t': type(v).__name__, 'v': v}
    if isinstance(v, (int, float)): return {'t': type(v).__name__, 'v': repr(v)}
    if isinstance(v, (list, tuple, set, frozenset)): return {'t': type(v).__name__, 'v': [tag(i) for i in v]}
    if isinstance(v, dict): return {'t': 'dict', 'v': [[tag(k), tag(i)] for k, i in v.items()]}
    if isinstance(v, d.timedelta): return {'t': 'timedelta', 'v': [v.days, v.seconds, v.microseconds]}
    if isinstance(v, d.timezone): return {'t': 'timezone', 'v': offset(v)}
    if isinstance(v, (d.datetime, d.date, d.time)): return {'t': type(v).__name__, 'v': v.isoformat()}
    return {'t': type(v).__name__.lower(), 'v': str(v)}

for _ in range(int(sys.argv[2])):
    shared.clear()
    v = value(0)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for pickled in {pickle.dumps(v, protocol), pickle._dumps(v, protocol)}:
            print(json.dumps([b64(pickled), protocol, tag(pickle.loads(pickled))]))
`

test('whatever plain data Python pickles, in any protocol, is read as Python itself reads it', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const lines = (await runPython(requirePython('pickle'), PICKLER, [`${seed}`, `${CASES}`])).trim().split('\n')
  expect(lines.length).toBeGreaterThanOrEqual(CASES * 6)
  for (const line of lines) {
    const [pickled, protocol, expected] = JSON.parse(line)
    let read: unknown
    try {
      read = tagged(readPickle(Buffer.from(pickled, 'base64')))
    } catch (error) {
      read = error
    }
    const message = { seed, protocol, pickled }
    expect({ read, ...message }).toEqual({ read: canonical(expected), ...message })
  }
})
