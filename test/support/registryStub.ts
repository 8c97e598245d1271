import { Reply } from 'zeromq'

/** A registry that answers what the test says; undefined: nothing at all. */
export interface RegistryStub {
  readonly address: string
  readonly questions: readonly Record<string, unknown>[]
  close(): Promise<void>
}

export async function registryStub(
  answer: (question: Record<string, unknown>) => string | undefined,
  bind = 'tcp://127.0.0.1:*',
): Promise<RegistryStub> {
  let socket = await bound(bind)
  const address = socket.lastEndpoint ?? bind
  const questions: Record<string, unknown>[] = []
  let closed = false
  const answering = answerAll()
  return {
    address,
    questions,
    async close() {
      closed = true
      socket.close()
      await answering
    },
  }

  async function answerAll(): Promise<void> {
    while (!closed) {
      const [frame] = await socket.receive().catch(() => [])
      if (frame === undefined) continue
      const question: Record<string, unknown> = JSON.parse(String(frame))
      questions.push(question)
      const reply = answer(question)
      if (reply !== undefined) await socket.send(reply)
      else {
        // A REP may not take the next question before it answered this one.
        socket.close()
        socket = await bound(address)
      }
    }
    socket.close()
  }
}

async function bound(address: string): Promise<Reply> {
  const socket = new Reply({ linger: 100 })
  for (let tries = 0; ; tries++) {
    try {
      await socket.bind(address)
      return socket
    } catch (error) {
      if (tries > 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

/** A registry's memory in its simplest form: the answer function of one that works. */
export function listOf(addresses: string[]): (question: Record<string, unknown>) => string {
  return ({ type, address }) => {
    const at = addresses.indexOf(String(address))
    if (type === 'add-publisher' && at < 0) addresses.push(String(address))
    if (type === 'remove-publisher' && at >= 0) addresses.splice(at, 1)
    return JSON.stringify(addresses)
  }
}
