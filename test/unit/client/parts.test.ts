import { jest } from '@jest/globals'
import { Listeners } from '../../../client/listeners.ts'
import { pauseAfter } from '../../../client/pauses.ts'
import { refusalIn } from '../../../client/wire.ts'
import { until } from '../../support/until.ts'

describe('listeners', () => {
  const printed = jest.spyOn(console, 'error').mockImplementation(() => {})
  afterEach(() => void printed.mockClear())
  afterAll(() => printed.mockRestore())

  test('one that throws and one whose promise rejects are printed, and the next one still hears', async () => {
    const listeners = new Listeners<{ news: [text: string, n: number] }>()
    const heard: unknown[] = []
    listeners.on('news', () => {
      throw new Error('thrown')
    })
    listeners.on('news', () => Promise.reject(new Error('rejected')))
    listeners.on('news', (...args) => heard.push(args))
    listeners.tell('news', 'hi', 1)
    expect(heard).toEqual([['hi', 1]])
    await until('both are printed', () => printed.mock.calls.length === 2)
    expect(printed.mock.calls.flat().map(String)).toEqual(['Error: thrown', 'Error: rejected'])
  })

  test('one that is taken away hears no more, one that is added while others hear waits for the next', () => {
    const listeners = new Listeners<{ news: [] }>()
    const heard: string[] = []
    const off = listeners.on('news', () => {
      heard.push('first')
      off()
      listeners.on('news', () => heard.push('second'))
    })
    listeners.tell('news')
    expect(heard).toEqual(['first'])
    listeners.tell('news')
    expect(heard).toEqual(['first', 'second'])
  })
})

describe('pauses between attempts', () => {
  test('double up to the longest', () => {
    const pauses = [1, 2, 3, 4, 5, 50, 5_000].map((failures) => pauseAfter(failures, 1_000, 10_000, 0.5))
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000])
  })

  test('are half more or less, so that a thousand tabs do not come at once', () => {
    expect([pauseAfter(1, 1_000, 10_000, 0), pauseAfter(1, 1_000, 10_000, 0.999)]).toEqual([500, 1_499])
    const pauses = Array.from({ length: 1_000 }, () => pauseAfter(1, 1_000, 10_000))
    expect(Math.max(...pauses) - Math.min(...pauses)).toBeGreaterThan(800)
  })
})

describe('the refusal in a connect_error', () => {
  test.each([
    [
      { code: 'session.expired', message: 'over', retry: false },
      { code: 'session.expired', message: 'no', retry: false },
    ],
    [
      { code: 'store.unavailable', retry: true, more: 1 },
      { code: 'store.unavailable', message: 'no', retry: true },
    ],
    [undefined, undefined],
    [null, undefined],
    ['session.expired', undefined],
    [{ code: 7, retry: true }, undefined],
    [{ code: 'session.expired' }, undefined],
    [{ code: 'session.expired', retry: 'false' }, undefined],
  ])('%j', (data, refusal) => {
    expect(refusalIn(Object.assign(new Error('no'), { data }))).toEqual(refusal)
  })
})
