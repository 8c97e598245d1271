import { requirePython, runPython } from '../../support/python.ts'
import { freePort } from '../../support/redisServer.ts'
import { type SocketioServer, startSocketio } from '../../support/socketioServer.ts'
import { until } from '../../support/until.ts'

/** Prints what it hears, a line of JSON each, and ends after the notification "enough", or when it is sent away. */
const CLIENT = `
import json, sys, threading, socketio
url, token, transport = sys.argv[1:4]
naps = [0.4] if 'slow' in sys.argv else []
done = threading.Event()
sio = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.1, randomization_factor=0)
def say(*what):
    # Handlers run in naps of their own: one write a line.
    sys.stdout.write(json.dumps(what) + '\\n')
@sio.on('hello')
def hello(data):
    say('hello', data['user'])
@sio.on('bye')
def bye(data):
    say('bye', data['code'])
    if data['code'] == 'revoked':
        sio.sleep(0.8)
        say('connected', sio.connected)
        done.set()
@sio.on('notification')
def notification(body, meta):
    say('notification', body, meta['id'])
    if body == 'enough':
        done.set()
@sio.on('disconnect')
def disconnected():
    # The client closes its transport after this handler, in another thread than the one that reads.
    if naps:
        sio.sleep(naps.pop())
@sio.on('connect_error')
def refused(data):
    say('refused', data)
    done.set()
try:
    sio.connect(url, auth={'token': token}, transports=transport.split(','), wait_timeout=1)
except socketio.exceptions.ConnectionError:
    pass
done.wait(10)
sio.disconnect()
`
const python = requirePython('socketio')
let server: SocketioServer
beforeEach(async () => {
  // Its WebSocket client names an Origin: that of the address it connects to.
  const port = await freePort()
  server = await startSocketio({ origins: [`http://127.0.0.1:${port}`] }, port)
})
afterEach(() => server.stop())

/** Sorted: python-socketio starts a thread for each event, so the order of its prints says nothing. */
const lines = (printed: string): unknown[] =>
  printed
    .trim()
    .split('\n')
    .sort()
    .map((line) => JSON.parse(line))

describe.each(['websocket', 'polling', 'polling,websocket'])('python-socketio over %s', (transport) => {
  test('is greeted, hears its notifications, and comes back by itself after a drain', async () => {
    const client = runPython(python, CLIENT, [server.url, '42', transport])
    await until('it is here', () => server.lobby.hub.size === 1)
    server.notify('42', '{"text":"Grüße 👋🏽"}')
    server.transport.dismiss(server.lobby.connectionOf('42'), { code: 'drain', retryInMs: 0 })
    await until('it is back', () => server.lobby.opened === 2 && server.lobby.hub.size === 1)
    server.notify('42', '"enough"')
    expect(lines(await client)).toEqual([
      ['bye', 'drain'],
      ['hello', { id: '42' }],
      ['hello', { id: '42' }],
      ['notification', 'enough', 'n-2'],
      ['notification', { text: 'Grüße 👋🏽' }, 'n-1'],
    ])
  })

  test.each(['quick', 'slow'])('stays away after it was sent away for good, %s to close', async (pace) => {
    const client = runPython(python, CLIENT, [server.url, '42', transport, pace])
    await until('it is here', () => server.lobby.hub.size === 1)
    server.transport.dismiss(server.lobby.connectionOf('42'), { code: 'revoked', retryInMs: 0 })
    expect(lines(await client)).toEqual([
      ['bye', 'revoked'],
      ['connected', false],
      ['hello', { id: '42' }],
    ])
    expect(server.lobby.opened).toBe(1)
  })
})

test('python-socketio hears why it was refused', async () => {
  const [refused] = lines(await runPython(python, CLIENT, [server.url, 'away', 'websocket']))
  expect(refused).toEqual(['refused', expect.objectContaining({ data: expect.objectContaining({ retry: true }) })])
})
