import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Events } from '../../../src/core/events.ts'
import { Door } from '../../../src/socketio/door.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

function door(): Door {
  const reception = { knock: () => () => {} }
  return new Door({
    name: 'test',
    origins: [],
    trustProxy: false,
    events: new Events(),
    reception,
    isDraining: () => false,
  })
}

/** As much of an upgrade as the door looks at; its socket is an emitter as the real one is. */
function upgrade(query = ''): { request: IncomingMessage; socket: EventEmitter } {
  const socket = Object.assign(new EventEmitter(), { remoteAddress: '127.0.0.1', destroy: () => {} })
  return { request: { url: `/socket.io/?EIO=4${query}`, headers: {}, socket } as unknown as IncomingMessage, socket }
}

test('newcomers are let in a few a turn, so that everything else gets its own; who is here passes at once', async () => {
  const one = door()
  let inside = 0
  for (let i = 0; i < 50; i++) one.check(upgrade().request, undefined, () => inside++)
  let passed = false
  one.check(upgrade('&sid=known').request, undefined, () => {
    passed = true
  })
  expect([inside, passed]).toEqual([0, true])
  const turns: number[] = []
  while (inside < 50) {
    await nextTurn()
    turns.push(inside)
  }
  expect(turns).toEqual([20, 40, 50])
})

test('a newcomer whose wire breaks while it waits harms nobody', async () => {
  const { request, socket } = upgrade()
  let inside = 0
  door().check(request, undefined, () => inside++)
  expect(socket.emit('error', new Error('ECONNRESET'))).toBe(true)
  await nextTurn()
  expect(inside).toBe(1)
})
