import { isEndpoint } from '../../../src/core/endpoint.ts'

test.each([
  'tcp://127.0.0.1:20105',
  'tcp://localhost:1',
  'tcp://notifier_1.example.org:65535',
  'tcp://[::1]:20105',
  'ipc:///run/heraldo/orders.sock',
  'ipc://@abstract',
])('%s is an endpoint', (address) => {
  expect(isEndpoint(address)).toBe(true)
})

test.each([
  '',
  'nonsense',
  'tcp://',
  'tcp://127.0.0.1',
  'tcp://127.0.0.1:',
  'tcp://127.0.0.1:0',
  'tcp://127.0.0.1:65536',
  'tcp://127.0.0.1:99999',
  'tcp://127.0.0.1:*',
  'tcp://127.0.0.1:1x',
  'tcp://*:20105',
  'tcp://0.0.0.0:20105',
  'tcp://0:20105',
  'tcp://[::]:20105',
  'tcp://[0:0:0:0:0:0:0:0]:20105',
  'tcp://user:secret@host:1',
  'tcp://eth0;host:1',
  'tcp://ho st:1',
  'tcp://host:1\n',
  ' tcp://host:1',
  'tcp://host:1/path',
  'udp://host:1',
  'inproc://x',
  'TCP://host:1',
  'ipc://',
  'ipc://*',
  'ipc:///a b',
  `ipc:///${'x'.repeat(120)}`,
  `tcp://${'x'.repeat(260)}:1`,
  42,
  null,
  undefined,
  ['tcp://127.0.0.1:1'],
])('%p is none', (address) => {
  expect(isEndpoint(address)).toBe(false)
})
