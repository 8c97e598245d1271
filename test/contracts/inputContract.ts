import type { Address } from '../../src/core/address.ts'
import type { Submission } from '../../src/core/draft.ts'
import type { Accept, Follower, Input, Origin } from '../../src/core/ports.ts'
import { until } from '../support/until.ts'

/** An input with somebody at the other end of its wire. */
export interface InputUnderTest {
  readonly input: Input & Partial<Follower>
  /** Resolves when what is sent to these addresses from now on will be heard. */
  ready(addresses: readonly Address[]): Promise<void>
  /** Puts one notification on the wire, as a sender would. */
  send(recipient: string, body: string): Promise<void>
  /** Puts something on the wire that no sender should; undefined where the wire allows nothing of the kind. */
  sendNonsense?(): Promise<void>
  close(): Promise<void>
}

const MANY = 2_000

/** What every way in promises (core/ports.ts), through its real wire. */
export function inputContract(name: string, reach: Origin['reach'], make: () => Promise<InputUnderTest>): void {
  describe(`${name}, as an input`, () => {
    let under: InputUnderTest
    let heard: { submission: Submission; origin: Origin }[]

    beforeEach(async () => {
      under = await make()
      heard = []
    })
    afterEach(() => under.close())

    const bodies = () => heard.map(({ submission }) => `${Buffer.from(submission.body)}`)

    async function open(...addresses: readonly Address[]): Promise<void> {
      const accept: Accept = (submission, origin) => {
        heard.push({ submission, origin })
        return { ok: true, id: 'x', duplicate: false }
      }
      await under.input.open(accept)
      for (const address of addresses) await under.input.follow?.(address)
      await under.ready(addresses)
    }

    test('a notification arrives as it was sent, and says where it came from', async () => {
      await open('user:42')
      await under.send('42', '{"text":"h\u00e9llo"}')
      await until('it has arrived', () => heard.length === 1)
      expect(heard[0]?.submission.to).toEqual(['42'])
      expect(bodies()).toEqual(['{"text":"h\u00e9llo"}'])
      expect(heard[0]?.origin).toMatchObject({ input: under.input.name, reach })
      expect(heard[0]?.origin.source).not.toBe('')
      expect(typeof heard[0]?.origin.arrivedAt).toBe('number')
    })

    test('notifications arrive in the order in which they were sent', async () => {
      await open('user:42', 'everyone')
      for (let i = 0; i < MANY; i++) await under.send(i % 2 === 0 ? '42' : '*', `${i}`)
      await until('all have arrived', () => heard.length === MANY)
      expect(bodies()).toEqual(Array.from({ length: MANY }, (_, i) => `${i}`))
    })

    test('a body that is no JSON is handed on: judging it is not the business of the input', async () => {
      await open('user:42')
      await under.send('42', '{"text":')
      await until('it has arrived', () => heard.length === 1)
      expect(bodies()).toEqual(['{"text":'])
    })

    test('nonsense on the wire stops nothing that comes after', async () => {
      await open('user:42')
      await under.sendNonsense?.()
      await under.send('42', '1')
      await until('it has arrived', () => bodies().includes('1'))
    })

    test('closing hands over what has arrived and takes in nothing afterwards', async () => {
      await open('user:42')
      for (let i = 0; i < MANY; i++) await under.send('42', `${i}`)
      // From the first on, the rest is on this side of the wire or right before it.
      await until('the first has arrived', () => heard.length > 0)
      await under.input.close()
      expect(heard).toHaveLength(MANY)
      await under.send('42', '"late"')
      await new Promise((resolve) => setImmediate(resolve))
      expect(heard).toHaveLength(MANY)
    })

    test('what nobody follows any more is not handed on, and what is followed again is', async () => {
      if (under.input.unfollow === undefined) return
      await open('user:42', 'user:43')
      under.input.unfollow('user:42')
      await under.send('42', '"for nobody"')
      await under.send('43', '"for somebody"')
      await until('the other one has arrived', () => heard.length > 0)
      expect(bodies()).toEqual(['"for somebody"'])
      await under.input.follow?.('user:42')
      await under.ready(['user:42'])
      await under.send('42', '"again"')
      await until('it is heard again', () => heard.length === 2)
    })

    test('following before it opens and after it closed does no harm', async () => {
      await under.input.follow?.('user:42')
      await open()
      await under.ready(['user:42'])
      await under.send('42', '1')
      await until('it has arrived', () => heard.length === 1)
      await under.input.close()
      await under.input.follow?.('user:43')
      under.input.unfollow?.('user:43')
    })
  })
}
