import { NotifierError } from '../../../src/sdk/notifier/errors.ts'
import type { NotifierOptions } from '../../../src/sdk/notifier/options.ts'
import { readOptions } from '../../../src/sdk/notifier/options.ts'

test('a name is all that a notifier needs', () => {
  expect(readOptions({ name: 'orders' })).toEqual({
    name: 'orders',
    registry: 'tcp://127.0.0.1:20103',
    bind: 'tcp://127.0.0.1:*',
    advertise: undefined,
    source: 'orders',
    ttlSeconds: 30,
    maxBytes: 65_536,
    maxQueued: 10_000,
    maxCounters: 100_000,
  })
})

test('null as registry means none', () => {
  expect(readOptions({ name: 'orders', registry: null }).registry).toBeNull()
})

test.each(['tcp://*:20105', 'tcp://0.0.0.0:*', 'tcp://[::]:20105'])('%s needs an address to advertise', (bind) => {
  expect(() => readOptions({ name: 'orders', bind })).toThrow(/"advertise"/)
  expect(readOptions({ name: 'orders', bind, advertise: 'tcp://orders.internal:20105' }).bind).toBe(bind)
  expect(readOptions({ name: 'orders', bind, registry: null }).bind).toBe(bind)
})

test.each(['tcp://127.0.0.1:20105', 'tcp://[::1]:20105', 'tcp://eth0:*', 'ipc:///run/orders.sock'])(
  '%s can be bound',
  (bind) => {
    expect(readOptions({ name: 'orders', bind }).bind).toBe(bind)
  },
)

const wrong: [string, object][] = [
  ['"name"', {}],
  ['"name"', { name: '' }],
  ['"name"', { name: 'two\nlines' }],
  ['"name"', { name: 'x'.repeat(101) }],
  ['"registry"', { name: 'a', registry: 'tcp://*:20103' }],
  ['"registry"', { name: 'a', registry: 'http://127.0.0.1:20103' }],
  ['"registry"', { name: 'a', registry: 20103 }],
  ['"bind"', { name: 'a', bind: 'tcp://127.0.0.1' }],
  ['"bind"', { name: 'a', bind: 'tcp://127.0.0.1:65536' }],
  ['"bind"', { name: 'a', bind: 'tcp://127.0.0.1:0' }],
  ['"bind"', { name: 'a', bind: 'inproc://a' }],
  ['"advertise"', { name: 'a', advertise: 'tcp://0.0.0.0:20105' }],
  ['"advertise"', { name: 'a', advertise: 'tcp://orders.internal:*' }],
  ['"source"', { name: 'a', source: 42 }],
  ['"ttlSeconds"', { name: 'a', ttlSeconds: 2 }],
  ['"ttlSeconds"', { name: 'a', ttlSeconds: 30.5 }],
  ['"ttlSeconds"', { name: 'a', ttlSeconds: 86_401 }],
  ['"maxBytes"', { name: 'a', maxBytes: '65536' }],
  ['"maxQueued"', { name: 'a', maxQueued: 0 }],
  ['"maxCounters"', { name: 'a', maxCounters: Number.NaN }],
  ['"linger"', { name: 'a', linger: 5 }],
]
test.each(wrong)('an error names %s when the options are %j', (key, options) => {
  const read = () => readOptions(options as NotifierOptions)
  expect(read).toThrow(NotifierError)
  expect(read).toThrow(expect.objectContaining({ code: 'notifier.options', message: expect.stringContaining(key) }))
})
