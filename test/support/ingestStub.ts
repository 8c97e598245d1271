import { Router } from 'zeromq'

/** One request as it came off the wire. */
export interface Asked {
  readonly id: string
  readonly recipients: readonly string[]
  readonly header: Record<string, unknown>
  readonly body: string
  readonly frames: readonly Buffer[]
}

/** What is sent back for a request: frames, in order; none: silence. */
type Behave = (asked: Asked, stub: IngestStub) => readonly (string | Buffer)[]

/** A gateway's ingest with a memory of its own, for DEALER and REQ: PROTOCOL.md §2, and every fault that a test wants. */
export interface IngestStub {
  readonly address: string
  /** Everything, repeated ones too, in the order of arrival. */
  readonly asked: readonly Asked[]
  /** What was stored: `recipient source:id`, with the body. */
  readonly stored: ReadonlyMap<string, string>
  /** Names this life of the store. */
  store: string
  behave: Behave
  /** The store forgets, and another life of it begins. */
  forget(store: string): void
  /** The right answer; the copies are stored. */
  keep(asked: Asked): string
  close(): void
}

export const refusal = (id: string, code: string, retry: boolean, more: object = {}) =>
  JSON.stringify({ ok: false, id, error: { code, message: `It is ${code}.`, retry, ...more } })

export async function ingestStub(bind = 'tcp://127.0.0.1:*'): Promise<IngestStub> {
  const socket = await bound(bind)
  const asked: Asked[] = []
  const stored = new Map<string, string>()
  const seqs = new Map<string, { seq: number; count: number }>()
  const stub: IngestStub = {
    address: socket.lastEndpoint ?? bind,
    asked,
    stored,
    store: 'first',
    behave: (one) => [stub.keep(one)],
    forget(store) {
      stub.store = store
      stored.clear()
    },
    keep({ id, recipients, header, body }) {
      const fresh = recipients.filter((to) => !stored.has(`${to} ${header['source'] ?? ''}:${id}`))
      for (const to of fresh) {
        stored.set(`${to} ${header['source'] ?? ''}:${id}`, body)
        const count = (seqs.get(to)?.count ?? 0) + 1
        seqs.set(to, { seq: count, count })
      }
      const users = header['keep'] === false ? [] : recipients.filter((to) => to !== '*' && !to.startsWith('#'))
      const positions = Object.fromEntries(users.map((to) => [to, { epoch: stub.store, seq: seqs.get(to)?.seq ?? 0 }]))
      return JSON.stringify({ ok: true, id, duplicate: fresh.length === 0, positions, store: stub.store })
    },
    close: () => socket.close(),
  }
  void answerAll()
  return stub

  async function answerAll(): Promise<void> {
    for await (const [peer, ...frames] of socket) {
      if (peer === undefined) continue
      const envelope = frames[0]?.length === 0 ? [peer, ...frames.splice(0, 1)] : [peer]
      const one = parse(frames)
      asked.push(one)
      for (const reply of stub.behave(one, stub)) await socket.send([...envelope, reply]).catch(() => undefined)
    }
  }
}

function parse(frames: readonly Buffer[]): Asked {
  const [header, body] = frames.map(String)
  const said: Record<string, unknown> = JSON.parse(header ?? '')
  const { recipient, id } = said
  const recipients = Array.isArray(recipient) ? recipient.map(String) : [String(recipient)]
  return { id: String(id), recipients, header: said, body: body ?? '', frames }
}

async function bound(address: string): Promise<Router> {
  const socket = new Router({
    linger: 100,
    handover: true,
    mandatory: true,
    sendHighWaterMark: 0,
    receiveHighWaterMark: 0,
  })
  for (let tries = 0; ; tries++) {
    try {
      await socket.bind(address)
      return socket
    } catch (error) {
      if (tries > 200) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
