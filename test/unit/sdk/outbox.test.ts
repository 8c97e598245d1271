import type { Frames } from '../../../src/sdk/notifier/outbox.ts'
import { Outbox } from '../../../src/sdk/notifier/outbox.ts'

/** A socket that is done with a message when the test says so. */
function slowSocket() {
  const sent: string[] = []
  const pending: { resolve(): void; reject(reason: unknown): void }[] = []
  return {
    sent,
    send(frames: Frames): Promise<void> {
      sent.push(String(frames[0]))
      return new Promise((resolve, reject) => void pending.push({ resolve, reject }))
    },
    async done(reason?: unknown) {
      const one = pending.shift()
      if (one === undefined) throw new Error('nothing is being sent')
      if (reason === undefined) one.resolve()
      else one.reject(reason)
      // What is settled is acted on in the microtasks.
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

const letter = (text: string, sent = () => {}) => ({ frames: () => [text], sent })

test('the socket gets one message at a time, in order', async () => {
  const socket = slowSocket()
  const outbox = new Outbox(socket.send, 10)
  const all = Promise.all(['a', 'b', 'c'].map((text) => outbox.push(letter(text))))
  expect(socket.sent).toEqual(['a'])
  await socket.done()
  expect(socket.sent).toEqual(['a', 'b'])
  await socket.done()
  await socket.done()
  await all
  expect(socket.sent).toEqual(['a', 'b', 'c'])
})

test('at the bound a message is refused, and the queue goes on', async () => {
  const socket = slowSocket()
  const outbox = new Outbox(socket.send, 2)
  const [first, second] = [outbox.push(letter('a')), outbox.push(letter('b'))]
  await expect(outbox.push(letter('c'))).rejects.toMatchObject({ code: 'notifier.busy', retry: true })
  await socket.done()
  await first
  const third = outbox.push(letter('d'))
  await socket.done()
  await socket.done()
  await Promise.all([second, third])
  expect(socket.sent).toEqual(['a', 'b', 'd'])
})

test('what the socket refuses is not counted as sent, and the next one is sent', async () => {
  const socket = slowSocket()
  const outbox = new Outbox(socket.send, 10)
  const counted: string[] = []
  const first = outbox.push(letter('a', () => counted.push('a')))
  const second = outbox.push(letter('b', () => counted.push('b')))
  const refused = expect(first).rejects.toThrow('no')
  await socket.done(new Error('no'))
  await refused
  await socket.done()
  await second
  expect(counted).toEqual(['b'])
})

test('closing waits for what waits, and takes nothing more', async () => {
  const socket = slowSocket()
  const outbox = new Outbox(socket.send, 10)
  const all = [outbox.push(letter('a')), outbox.push(letter('b'))]
  let closed = false
  const closing = outbox.close().then(() => {
    closed = true
  })
  await expect(outbox.push(letter('c'))).rejects.toMatchObject({ code: 'notifier.closed' })
  await socket.done()
  expect(closed).toBe(false)
  await socket.done()
  await Promise.all([...all, closing])
  expect(socket.sent).toEqual(['a', 'b'])
})
