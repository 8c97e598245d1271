import { Dealer, Publisher, Request, Subscriber } from 'zeromq'
import { until } from './until.ts'

/** Asks a registry as a notifier does. Rejects when no answer comes. */
export interface Asker {
  /** A text or bytes go out as they are, several of them as several frames; anything else as JSON. */
  ask(request: unknown, ...more: readonly Uint8Array[]): Promise<unknown>
  close(): Promise<void>
}

export function asker(rep: string): Asker {
  const socket = new Request({ linger: 0, receiveTimeout: 3_000, relaxed: true, correlate: true })
  socket.connect(rep)
  return {
    async ask(request, ...more) {
      const first = typeof request === 'string' || request instanceof Uint8Array ? request : JSON.stringify(request)
      await socket.send([Buffer.from(first), ...more])
      const frames = await socket.receive()
      expect(frames).toHaveLength(1)
      return JSON.parse(`${frames[0]}`)
    },
    async close() {
      socket.close()
    },
  }
}

/** Hears announcements from the moment on at which this resolves. */
export async function announcementsOf(pub: string): Promise<{ heard: unknown[]; close(): Promise<void> }> {
  const socket = new Subscriber({ linger: 0 })
  const heard: unknown[] = []
  socket.subscribe()
  socket.connect(pub)
  const listening = (async () => {
    for await (const frames of socket) heard.push(frames.length === 1 ? JSON.parse(`${frames[0]}`) : frames)
  })()
  return {
    heard,
    async close() {
      socket.close()
      await listening.catch(() => {})
    },
  }
}

/** A registry that says whatever the test wants, and nothing unless asked to. */
export interface FakeRegistry {
  answerWith: (() => string) | undefined
  readonly questions: string[]
  /** Answers the latest question, asked for or not. */
  answer(text: string): Promise<void>
  announce(text: string): Promise<void>
  close(): Promise<void>
}

export async function fakeRegistry(rep: string, pub: string): Promise<FakeRegistry> {
  // A DEALER may leave a question without an answer, as a registry that hangs does.
  const questions = new Dealer({ linger: 0 })
  const announcements = new Publisher({ linger: 0 })
  await bindAgain(questions, rep)
  await bindAgain(announcements, pub)
  let envelope: readonly Buffer[] = []
  const registry: FakeRegistry = {
    answerWith: undefined,
    questions: [],
    answer: (text) => questions.send([...envelope, text]),
    announce: (text) => announcements.send(text),
    async close() {
      questions.close()
      announcements.close()
      await answering.catch(() => {})
    },
  }
  const answering = (async () => {
    for await (const frames of questions) {
      envelope = frames.slice(0, 2)
      registry.questions.push(`${frames[2]}`)
      const answer = registry.answerWith?.()
      if (answer !== undefined) await registry.answer(answer)
    }
  })()
  return registry
}

/** libzmq lets go of an address some moments after its socket was closed. */
async function bindAgain(socket: Dealer | Publisher, address: string): Promise<void> {
  await until(`${address} is free`, () =>
    socket.bind(address).then(
      () => true,
      () => false,
    ),
  )
}
