import { GatewayError } from '../../src/core/errors.ts'
import type { Directory } from '../../src/core/ports.ts'
import { MAX_PUBLISHERS } from '../../src/core/publisherList.ts'
import { fakeClock } from '../support/fakeClock.ts'

export interface DirectoryUnderTest {
  readonly directory: Directory
  close(): Promise<void>
}

const A = 'tcp://127.0.0.1:20105'
const B = 'tcp://127.0.0.1:20106'

/** What every directory promises (core/ports.ts), whatever stands behind it. */
export function directoryContract(
  name: string,
  make: (clock: ReturnType<typeof fakeClock>) => Promise<DirectoryUnderTest>,
): void {
  describe(`${name}, as a directory`, () => {
    const clock = fakeClock()
    let under: DirectoryUnderTest
    let directory: Directory
    let changes: number

    beforeEach(async () => {
      under = await make(clock)
      directory = under.directory
      changes = 0
      directory.onChange(() => changes++)
    })
    afterEach(() => under.close())

    test('it begins empty and lists who announced itself, in that order', () => {
      expect(directory.addresses()).toEqual([])
      directory.add({ address: B, name: 'orders' })
      directory.add({ address: A })
      expect(directory.addresses()).toEqual([B, A])
      expect(directory.list()).toEqual([
        { address: B, name: 'orders', since: clock.now(), lastSeen: clock.now(), ttlMs: undefined },
        { address: A, name: undefined, since: clock.now(), lastSeen: clock.now(), ttlMs: undefined },
      ])
    })

    test('announcing itself again changes nothing but when it was last seen', () => {
      directory.add({ address: A, name: 'orders' })
      const since = clock.now()
      clock.advance(5_000)
      directory.add({ address: A })
      expect(directory.list()).toEqual([
        { address: A, name: 'orders', since, lastSeen: since + 5_000, ttlMs: undefined },
      ])
      expect(changes).toBe(1)
    })

    test('a lease that is not renewed runs out, to the millisecond, and that is a change', () => {
      directory.add({ address: A, ttlMs: 3_000 })
      directory.add({ address: B })
      clock.advance(2_999)
      expect(directory.addresses()).toEqual([A, B])
      clock.advance(1)
      expect(directory.addresses()).toEqual([B])
      expect(changes).toBe(3)
    })

    test('a lease that is renewed stands', () => {
      directory.add({ address: A, ttlMs: 3_000 })
      clock.advance(2_000)
      directory.add({ address: A, ttlMs: 3_000 })
      clock.advance(2_000)
      expect(directory.addresses()).toEqual([A])
      clock.advance(1_000)
      expect(directory.addresses()).toEqual([])
    })

    test('what was said last holds: a lease may become for good, and for good a lease', () => {
      directory.add({ address: A, ttlMs: 3_000 })
      directory.add({ address: A })
      clock.advance(100_000)
      expect(directory.addresses()).toEqual([A])
      directory.add({ address: A, ttlMs: 3_000 })
      clock.advance(3_000)
      expect(directory.addresses()).toEqual([])
    })

    test('who is removed is gone, its lease ends nobody later; removing who is not there is no change', () => {
      directory.add({ address: A, ttlMs: 3_000 })
      directory.remove(A)
      directory.remove(B)
      expect(changes).toBe(2)
      directory.add({ address: A })
      clock.advance(3_000)
      expect(directory.addresses()).toEqual([A])
    })

    test('who stopped listening to changes hears of none', () => {
      let heard = 0
      const stop = directory.onChange(() => heard++)
      directory.add({ address: A })
      stop()
      directory.add({ address: B })
      expect(heard).toBe(1)
    })

    test('names that mean something to JavaScript are names like others', () => {
      directory.add({ address: '__proto__' })
      directory.add({ address: 'constructor' })
      expect(directory.addresses()).toEqual(['__proto__', 'constructor'])
    })

    test('it is full at its bound; who is in it may still renew, and who leaves makes room', () => {
      for (let i = 0; i < MAX_PUBLISHERS; i++) directory.add({ address: `tcp://10.0.0.1:${i + 1}`, ttlMs: 60_000 })
      expect(() => directory.add({ address: A })).toThrow(new GatewayError('registry.full'))
      directory.add({ address: 'tcp://10.0.0.1:1', ttlMs: 60_000 })
      directory.remove('tcp://10.0.0.1:1')
      directory.add({ address: A })
      expect(directory.addresses()).toHaveLength(MAX_PUBLISHERS)
    })

    test('closing it leaves no timer behind', async () => {
      directory.add({ address: A, ttlMs: 3_000 })
      await directory.close()
      expect(clock.timers).toBe(0)
    })
  })
}
