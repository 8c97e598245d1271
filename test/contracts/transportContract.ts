import { EVERYONE, userAddress } from '../../src/core/address.ts'
import type { Hub } from '../../src/core/hub.ts'
import type { Farewell, Hello, Notification } from '../../src/core/notification.ts'
import type { Connection, Transport } from '../../src/core/ports.ts'
import { notificationOf } from '../support/socketioServer.ts'
import { until } from '../support/until.ts'

/** A real client of the transport, and what it heard. */
export interface TransportClient {
  readonly heard: readonly { readonly event: string }[]
  readonly hellos: readonly Hello[]
  readonly bodies: readonly unknown[]
  readonly byes: readonly Farewell[]
  isConnected(): boolean
  /** It is cut off, and will connect again by itself. */
  isComingBack(): boolean
  close(): Promise<void>
}

export interface TransportUnderTest {
  readonly transport: Transport
  readonly hub: Hub
  /** Resolves when the client was greeted and hears what is said to the user and to everyone. */
  connect(user: string): Promise<TransportClient>
  stop(): Promise<void>
}

/** What every transport promises (core/ports.ts), shown to a real client. */
export function transportContract(name: string, start: () => Promise<TransportUnderTest>): void {
  describe(`${name}, as every transport`, () => {
    let under: TransportUnderTest
    const clients: TransportClient[] = []

    beforeEach(async () => {
      under = await start()
    })
    afterEach(async () => {
      await Promise.all(clients.splice(0).map((client) => client.close()))
      await under.stop()
    })

    const connect = async (user: string) => {
      const client = await under.connect(user)
      clients.push(client)
      return client
    }
    const write = (to: Notification['to'], body: string, more?: Partial<Notification>) => {
      for (const { writer, connections } of under.hub.at(to))
        writer.write(connections, notificationOf(to, `n${body}`, body, more))
    }
    const connectionOf = (user: string): Connection => {
      const connection = under.hub.at(userAddress(user))[0]?.connections[0]
      if (connection === undefined) throw new Error(`${user} is not connected`)
      return connection
    }

    test('the first thing that a client hears is hello', async () => {
      const client = await connect('42')
      write(userAddress('42'), '1')
      await until('the notification is here', () => client.bodies.length === 1)
      expect(client.heard.map(({ event }) => event)).toEqual(['hello', 'notification'])
      expect(client.hellos[0]?.user).toEqual({ id: '42' })
    })

    test('a notification reaches all connections that it is written to and nobody else', async () => {
      const [first, second, other] = [await connect('42'), await connect('42'), await connect('43')]
      write(userAddress('42'), '"for 42"')
      write(EVERYONE, '"for all"')
      await until('all have heard', () => [first, second, other].every(({ bodies }) => bodies.includes('for all')))
      expect([first, second, other].map(({ bodies }) => bodies)).toEqual([
        ['for 42', 'for all'],
        ['for 42', 'for all'],
        ['for all'],
      ])
    })

    test('a notification is encoded once, however many connections hear it', async () => {
      const tabs = await Promise.all(['42', '42', '42'].map(connect))
      const notification = notificationOf(userAddress('42'), 'n', '"once"')
      let reads = 0
      const counted: Notification = {
        ...notification,
        get body() {
          reads++
          return notification.body
        },
      }
      for (const { writer, connections } of under.hub.at(counted.to)) writer.write(connections, counted)
      await until('all have heard', () => tabs.every(({ bodies }) => bodies.length === 1))
      expect(reads).toBe(1)
    })

    test('each connection hears everything in the order in which it was written', async () => {
      const tabs = await Promise.all(['42', '42'].map(connect))
      const numbers = Array.from({ length: 2_000 }, (_, i) => i)
      for (const number of numbers) write(userAddress('42'), String(number))
      await until('all have heard', () => tabs.every(({ bodies }) => bodies.length === numbers.length))
      for (const { bodies } of tabs) expect(bodies).toEqual(numbers)
    })

    test('writing to a connection that has left harms nobody', async () => {
      const [leaver, stayer] = [await connect('42'), await connect('42')]
      const connections = [...(under.hub.at(userAddress('42'))[0]?.connections ?? [])]
      await leaver.close()
      await until('it has left', () => under.hub.size === 1)
      under.transport.write(connections, notificationOf(userAddress('42'), 'n', '"still here"'))
      await until('the other hears it', () => stayer.bodies.length === 1)
      expect(connections).toHaveLength(2)
    })

    test('a client that is dismissed with "drain" hears why, and comes back by itself', async () => {
      const client = await connect('42')
      const before = connectionOf('42')
      under.transport.dismiss(before, { code: 'drain', retryInMs: 7 })
      await until('it is back', () => client.hellos.length === 2)
      expect(client.byes).toEqual([{ code: 'drain', retryInMs: 7 }])
      expect(under.hub.isOpen(before)).toBe(false)
    })

    test.each(['expired', 'revoked', 'limit'] as const)(
      'a client that is dismissed with "%s" stays away',
      async (code) => {
        const client = await connect('42')
        under.transport.dismiss(connectionOf('42'), { code, retryInMs: 0 })
        await until('it has gone', () => !client.isConnected() && under.hub.size === 0)
        expect(client.byes).toEqual([{ code, retryInMs: 0 }])
        // Another client comes and is served; the first one had all that time to come back.
        await connect('43')
        expect(under.hub.size).toBe(1)
        expect(client.hellos).toHaveLength(1)
      },
    )

    test.each(['drain', 'expired', 'revoked', 'limit'] as const)(
      'what is written before bye ("%s") is heard before it, also in the same turn',
      async (code) => {
        const client = await connect('42')
        write(userAddress('42'), '1')
        write(userAddress('42'), '2')
        under.transport.dismiss(connectionOf('42'), { code, retryInMs: 0 })
        await until('it has heard bye', () => client.byes.length === 1)
        expect(client.heard.slice(0, 4).map(({ event }) => event)).toEqual([
          'hello',
          'notification',
          'notification',
          'bye',
        ])
      },
    )

    test('nothing is heard after bye', async () => {
      const client = await connect('42')
      const connection = connectionOf('42')
      under.transport.dismiss(connection, { code: 'revoked', retryInMs: 0 })
      under.transport.write([connection], notificationOf(userAddress('42'), 'n', '"too late"'))
      await until('it has gone', () => !client.isConnected())
      expect(client.heard.map(({ event }) => event)).toEqual(['hello', 'bye'])
    })

    test('when the transport closes, everybody hears "drain" and nobody is left', async () => {
      const tabs = await Promise.all(['42', '43', '44'].map(connect))
      await under.transport.close()
      expect(under.hub.size).toBe(0)
      await until('all have heard', () => tabs.every(({ byes }) => byes.length === 1))
      expect(tabs.map(({ byes }) => byes[0]?.code)).toEqual(['drain', 'drain', 'drain'])
    })
  })
}
