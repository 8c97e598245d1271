import type { Address } from '../../../src/core/address.ts'
import { Follows } from '../../../src/core/follows.ts'
import { Hub } from '../../../src/core/hub.ts'
import type { Connection, Transport } from '../../../src/core/ports.ts'
import { fakeClock } from '../../support/fakeClock.ts'

const transport = (name: string) => ({ name }) as Transport
const connection = (id: string, over: Transport): Connection => ({
  id,
  transport: over,
  handshake: { cookie: undefined, authorization: undefined, token: undefined, remoteAddress: '127.0.0.1', at: 0 },
  session: { user: { id: '42' }, via: 'jwt', expiresAt: undefined },
})
const here = (hub: Hub, address: Address) =>
  hub.at(address).flatMap(({ connections }) => connections.map(({ id }) => id))

describe('the hub', () => {
  const socketio = transport('socketio')

  test('knows who waits at an address, grouped by transport', () => {
    const hub = new Hub()
    const other = transport('pusher')
    const [a, b, c] = [connection('a', socketio), connection('b', other), connection('c', socketio)]
    for (const one of [a, b, c]) {
      hub.open(one)
      hub.join(one, 'user:42')
    }
    expect(hub.at('user:42').map(({ writer, connections }) => [writer, connections.map(({ id }) => id)])).toEqual([
      [socketio, ['a', 'c']],
      [other, ['b']],
    ])
    expect(here(hub, 'user:420')).toEqual([])
  })

  test('a connection that left is nowhere, and nothing of it stays', () => {
    const hub = new Hub()
    const ids = ['a', 'b', 'c', 'd']
    const all = ids.map((id) => connection(id, socketio))
    for (const one of all) {
      hub.open(one)
      hub.join(one, 'user:42')
      hub.join(one, 'everyone')
    }
    const left = new Set(ids)
    for (const index of [1, 3, 0, 2]) {
      hub.close(all[index] as Connection)
      hub.close(all[index] as Connection)
      left.delete(ids[index] as string)
      expect(new Set(here(hub, 'everyone'))).toEqual(left)
      expect(new Set(here(hub, 'user:42'))).toEqual(left)
    }
    expect([hub.size, hub.addresses]).toEqual([0, 0])
  })

  test('ten thousand connections that leave in any order leave the right ones', () => {
    const hub = new Hub()
    const all = Array.from({ length: 10_000 }, (_, i) => connection(`${i}`, socketio))
    for (const one of all) {
      hub.open(one)
      hub.join(one, 'everyone')
    }
    const left = new Set(all)
    for (let i = 0; i < 9_000; i++) {
      const one = all[(i * 7919) % all.length] as Connection
      hub.close(one)
      left.delete(one)
    }
    expect(new Set(hub.at('everyone')[0]?.connections)).toEqual(left)
  })

  test('joining twice is joining once, and who has left cannot join', () => {
    const hub = new Hub()
    const a = connection('a', socketio)
    hub.open(a)
    hub.join(a, 'everyone')
    hub.join(a, 'everyone')
    expect(here(hub, 'everyone')).toEqual(['a'])
    hub.close(a)
    hub.join(a, 'everyone')
    expect([hub.size, hub.addresses]).toEqual([0, 0])
  })
})

describe('follows', () => {
  function follows() {
    const told: string[] = []
    const clock = fakeClock()
    const follower = {
      follow: async (address: Address) => void told.push(`+${address}`),
      unfollow: (address: Address) => void told.push(`-${address}`),
    }
    return { told, clock, follows: new Follows([follower], clock, 5000) }
  }

  test('the first one there follows, the last one who leaves unfollows after the linger', async () => {
    const { told, clock, follows: f } = follows()
    await f.follow('user:42')
    await f.follow('user:42')
    f.unfollow('user:42')
    clock.advance(60_000)
    expect(told).toEqual(['+user:42'])
    f.unfollow('user:42')
    clock.advance(4999)
    expect(told).toEqual(['+user:42'])
    clock.advance(1)
    expect(told).toEqual(['+user:42', '-user:42'])
    expect([f.size, clock.timers]).toEqual([0, 0])
  })

  test('a page that reloads within the linger shakes nobody', async () => {
    const { told, clock, follows: f } = follows()
    for (let i = 0; i < 1000; i++) {
      await f.follow('user:42')
      f.unfollow('user:42')
      clock.advance(100)
    }
    expect(told).toEqual(['+user:42'])
    clock.advance(5000)
    expect([told.length, f.size, clock.timers]).toEqual([2, 0, 0])
  })

  test('the wire is told in the tick of the call', () => {
    const { told, follows: f } = follows()
    void f.follow('user:42')
    expect(told).toEqual(['+user:42'])
  })
})
