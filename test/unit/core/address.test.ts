import fc from 'fast-check'
import { encodeUserId, formatRecipient, isUserId, parseRecipient, userAddress } from '../../../src/core/address.ts'
import { fuzz } from '../../support/fuzz.ts'

const code = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return undefined
}

test.each([
  ['42', 'user:42'],
  ['__proto__', 'user:__proto__'],
  ['constructor', 'user:constructor'],
  ['usuario-ñandú-7', 'user:usuario-ñandú-7'],
  ['a%7Cb', 'user:a|b'],
  ['%23orders', 'user:#orders'],
  ['100%25', 'user:100%'],
  ['a#b*c!', 'user:a#b*c!'],
  ['#orders', 'channel:orders'],
  ['*', 'everyone'],
  ['é'.repeat(100), `user:${'é'.repeat(100)}`],
])('the recipient %s is %s', (wire, address) => {
  expect(parseRecipient(wire)).toBe(address)
  expect(formatRecipient(parseRecipient(wire))).toBe(wire)
})

test.each([
  ['nothing', ''],
  ['201 bytes', 'x'.repeat(201)],
  ['201 bytes in 101 characters', `${'é'.repeat(100)}x`],
  ['a control character', 'a\u0000b'],
  ['a line feed', 'a\nb'],
  ['DEL', 'a\u007f'],
  ['a bar', 'a|b'],
  ['a bare percent sign', '100%'],
  ['lower case in an escape', 'a%7cb'],
  ['an escape that is not needed', 'a%41b'],
  ['control, which is not for senders', '!ready'],
  ['a star with more behind it', '*x'],
  ['an empty channel', '#'],
  ['a channel with a space', '#a b'],
  ['a channel of 201 characters', `#${'c'.repeat(201)}`],
  ['half a surrogate pair', '\ud800'],
])('a recipient that is %s is refused', (_, wire) => {
  expect(code(() => parseRecipient(wire))).toBe('draft.recipient')
})

test('every possible user id survives the way over the wire, and no two share one (fuzz)', () => {
  fuzz(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), (id) => {
      fc.pre(isUserId(id))
      const wire = encodeUserId(id)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the very characters that must not be there
      expect(wire).not.toMatch(/[\u0000-\u001f\u007f|]|^[#*!]/)
      expect(parseRecipient(wire)).toBe(userAddress(id))
    }),
  )
})
