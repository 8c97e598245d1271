import { channelAddress, EVERYONE, userAddress } from '../../src/core/address.ts'
import type { Notification } from '../../src/core/notification.ts'
import type { Broker } from '../../src/core/ports.ts'
import { checkJson } from '../../src/core/rawJson.ts'
import { until } from '../support/until.ts'

const ANN = userAddress('ann')

const live = (body: string, more: Partial<Notification> = {}): Notification => ({
  to: ANN,
  id: `n-${body}`,
  type: 'message',
  at: 1_763_750_000_000,
  body: checkJson(Buffer.from(body), 1_000),
  expiresAt: undefined,
  collapse: undefined,
  ...more,
})

/** What every broker promises (core/ports.ts) a gateway, whether there are others or not. */
export function brokerContract(name: string, make: () => Promise<Broker>): void {
  describe(`${name}, as a broker`, () => {
    let broker: Broker
    beforeEach(async () => {
      broker = await make()
    })
    afterEach(() => broker.close())

    test('what a gateway spreads it does not hear itself', async () => {
      const heard: Notification[] = []
      broker.onNotification((notification) => heard.push(notification))
      await broker.follow(ANN)
      broker.spread(live('1'))
      await broker.follow(userAddress('bob'))
      expect(heard).toEqual([])
    })

    test('who was never followed may be unfollowed, and who was unfollowed be followed again', async () => {
      broker.unfollow(ANN)
      await broker.follow(ANN)
      broker.unfollow(ANN)
      await broker.follow(ANN)
      broker.unfollow(ANN)
      broker.unfollow(ANN)
    })
  })
}

/** And what it promises to gateways that have it in common. */
export function sharedBrokerContract(name: string, make: () => Promise<readonly [Broker, Broker]>): void {
  describe(`${name}, as a broker between gateways`, () => {
    let one: Broker
    let other: Broker
    let heard: Notification[]
    beforeEach(async () => {
      ;[one, other] = await make()
      heard = []
      other.onNotification((notification) => heard.push(notification))
    })
    afterEach(async () => {
      await one.close()
      await other.close()
    })

    /** Everything that was spread before it has arrived when this resolves. */
    const settle = async () => {
      const last = userAddress('the last')
      await other.follow(last)
      one.spread(live('0', { to: last }))
      await until('the last one is heard', () => heard.some(({ to }) => to === last))
      other.unfollow(last)
      return heard.filter(({ to }) => to !== last)
    }

    test('who follows an address hears what another gateway spreads to it, once and in order', async () => {
      await other.follow(ANN)
      const sent = Array.from({ length: 200 }, (_, i) => live(`${i}`))
      for (const notification of sent) one.spread(notification)
      expect((await settle()).map(({ id }) => id)).toEqual(sent.map(({ id }) => id))
    })

    test('it arrives as it was, byte for byte', async () => {
      const sent = [
        live(' {"a" : "é😀\\u0000\\n"}\n', { expiresAt: 1_763_750_060_000, collapse: 'k\n"' }),
        live('1', { to: channelAddress('orders'), id: 's:é\n', type: 'order.shipped' }),
        live('2', { to: EVERYONE }),
        live('3', { to: userAddress('#a|b%{c}\n') }),
      ]
      await Promise.all(sent.map(({ to }) => other.follow(to)))
      for (const notification of sent) one.spread(notification)
      const told = await settle()
      expect(told.map(({ body }) => `${Buffer.from(body)}`)).toEqual(sent.map(({ body }) => `${Buffer.from(body)}`))
      expect(told.map(({ body, ...rest }) => rest)).toEqual(sent.map(({ body, ...rest }) => rest))
    })

    test('nobody hears what he does not follow, or follows no more', async () => {
      await other.follow(userAddress('ann2'))
      await other.follow(ANN)
      other.unfollow(ANN)
      await other.follow(userAddress('bob'))
      one.spread(live('1'))
      one.spread(live('2', { to: userAddress('an') }))
      expect(await settle()).toEqual([])
    })

    test('what is followed, unfollowed and followed in one tick is followed, and the other way round not', async () => {
      const bob = userAddress('bob')
      void other.follow(ANN)
      other.unfollow(ANN)
      const followed = other.follow(ANN)
      void other.follow(bob)
      other.unfollow(bob)
      await followed
      one.spread(live('1'))
      one.spread(live('2', { to: bob }))
      expect((await settle()).map(({ to }) => to)).toEqual([ANN])
    })
  })
}
