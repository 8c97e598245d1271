import { Turnstile } from '../../../src/core/turnstile.ts'

test('so many pass at once, the others in the order in which they came, and a failure gives its place on', async () => {
  const turnstile = new Turnstile(2)
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const pass = (name: string, fails = false) =>
    turnstile
      .pass(async () => {
        begun.push(name)
        await new Promise<void>((resolve) => ends.set(name, resolve))
        if (fails) throw new Error(name)
        return name
      })
      .catch((error: Error) => `failed ${error.message}`)
  const all = [pass('a'), pass('b', true), pass('c'), pass('d')]
  await Promise.resolve()
  expect(begun).toEqual(['a', 'b'])
  ends.get('b')?.()
  expect(await all[1]).toBe('failed b')
  expect(begun).toEqual(['a', 'b', 'c'])
  ends.get('a')?.()
  expect(await all[0]).toBe('a')
  expect(begun).toEqual(['a', 'b', 'c', 'd'])
  ends.get('c')?.()
  ends.get('d')?.()
  expect(await Promise.all(all)).toEqual(['a', 'failed b', 'c', 'd'])
})
