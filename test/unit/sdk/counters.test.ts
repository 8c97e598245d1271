import { Counters } from '../../../src/sdk/notifier/counters.ts'

function counters(max = 10) {
  let epochs = 0
  return new Counters(max, () => `epoch${++epochs}`)
}

const send = (some: Counters, recipient: string) => {
  const seq = some.next(recipient)
  some.sent(recipient, seq)
  return seq
}

test('each recipient is counted from 1', () => {
  const some = counters()
  expect([send(some, '42'), send(some, '42'), send(some, '43'), send(some, '42')]).toEqual([1, 2, 1, 3])
  expect(some.epoch).toBe('epoch1')
})

test('what was not sent is counted again', () => {
  const some = counters()
  expect([some.next('42'), some.next('42')]).toEqual([1, 1])
  some.sent('42', 1)
  expect(some.next('42')).toBe(2)
})

test('one recipient too many begins a new epoch, and every count with it', () => {
  const some = counters(2)
  send(some, '42')
  send(some, '43')
  expect([send(some, '42'), some.epoch]).toEqual([2, 'epoch1'])
  expect([send(some, '44'), some.epoch]).toEqual([1, 'epoch2'])
  expect([send(some, '42'), some.epoch]).toEqual([1, 'epoch2'])
})

test.each(['__proto__', 'constructor', 'hasOwnProperty'])('%s is a recipient as any other', (recipient) => {
  const some = counters()
  expect([send(some, recipient), send(some, recipient)]).toEqual([1, 2])
})
