import fc from 'fast-check'
import { metaPrinter } from '../../../src/socketio/meta.ts'
import { fuzz } from '../../support/fuzz.ts'
import { notificationOf } from '../../support/socketioServer.ts'

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom('', 'order.shipped', '"', '\ud800'))
const whole = fc.maxSafeNat()
const maybe = <T>(it: fc.Arbitrary<T>) => fc.option(it, { nil: undefined })

test('meta data is printed as JSON.stringify prints it, whatever was printed before (fuzz)', () => {
  const print = metaPrinter()
  const kept = fc.record({ seq: whole, epoch: text, read: fc.boolean(), seen: fc.boolean(), archived: fc.boolean() })
  const more = fc.record({ type: text, at: whole, expiresAt: maybe(whole), collapse: maybe(text), kept: maybe(kept) })
  fuzz(
    fc.property(text, more, (id, { type, at, expiresAt, collapse, kept }) => {
      const { seq, epoch, read, seen, archived } = kept ?? {}
      const flags = { read: read || undefined, seen: seen || undefined, archived: archived || undefined }
      expect(print(notificationOf('user:42', id, '1', { type, at, expiresAt, collapse, kept }))).toBe(
        JSON.stringify({ id, type, at, seq, epoch, ...flags, expiresAt, collapse }),
      )
    }),
  )
})
