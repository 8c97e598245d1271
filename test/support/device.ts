import { io, type Socket } from 'socket.io-client'
import type { Change, Counts, Item, MarkOp } from '../../src/core/inbox.ts'
import type { Hello, InboxChange, Position } from '../../src/core/notification.ts'
import { KEY } from './gatewayProcess.ts'
import { token } from './sessions.ts'
import { until } from './until.ts'

interface Meta extends Position {
  readonly id: string
  readonly type: string
  readonly at: number
  readonly expiresAt?: number
  readonly read?: boolean
  readonly seen?: boolean
  readonly archived?: boolean
}

interface Answer {
  readonly ok: boolean
  readonly error?: { readonly code: string; readonly retry: boolean }
  readonly counts?: Counts
  readonly items?: readonly (Item & { readonly body: unknown })[]
  readonly next?: number
}

/** What a client writes who knows the protocol and none of our code: it remembers where it stands, and comes back. */
export class Device {
  readonly socket: Socket
  readonly hellos: Hello[] = []
  /** Live and kept, in order, each as often as it came. */
  readonly heard: { readonly body: unknown; readonly meta: Meta }[] = []
  readonly reports: InboxChange[] = []
  readonly refusals: { readonly code: string; readonly retry: boolean }[] = []
  readonly byes: string[] = []
  readonly changes: Change[] = []
  position: Position | undefined
  counts: Counts | undefined

  constructor(url: string, user: string, since?: unknown) {
    this.position = since as Position | undefined
    this.socket = io(url, {
      forceNew: true,
      transports: ['websocket'],
      reconnectionDelay: 20,
      reconnectionDelayMax: 100,
      auth: (give) => void token(user).then((fresh) => give({ token: fresh, since: this.position })),
    })
    this.socket.on('hello', (hello: Hello) => {
      this.hellos.push(hello)
      this.position = hello.position
      this.counts = hello.counts
    })
    this.socket.on('notification', (body: unknown, meta: Meta) => {
      this.heard.push({ body, meta })
      if (meta.seq !== undefined) this.position = { epoch: meta.epoch, seq: meta.seq }
    })
    this.socket.on('inbox', (report: InboxChange) => {
      this.reports.push(report)
      this.changes.push(...report.changes)
      if (this.counts === undefined || report.rev > this.counts.rev) this.counts = report.counts
    })
    this.socket.on('bye', ({ code }: { code: string }) => void this.byes.push(code))
    this.socket.on('connect_error', (error: Error & { data?: { code: string; retry: boolean } }) => {
      if (error.data === undefined) return
      this.refusals.push(error.data)
      if (error.data.retry) setTimeout(() => this.socket.connect(), 50)
    })
  }

  get bodies(): unknown[] {
    return this.heard.map(({ body }) => body)
  }

  async greeted(times = 1): Promise<this> {
    await until(`hello number ${times}`, () => this.hellos.length >= times)
    return this
  }

  /** The wire is cut: nobody says goodbye. */
  drop(): void {
    if (this.socket.connected) this.socket.io.engine.close()
  }

  leave(): void {
    this.socket.disconnect()
  }

  back(): void {
    this.socket.connect()
  }

  mark(op: MarkOp, what: { ids?: readonly string[]; upTo?: unknown }): Promise<Answer> {
    return this.ask('inbox:mark', { op, ...what })
  }

  list(query: object = {}): Promise<Answer> {
    return this.ask('inbox:list', query)
  }

  ask(event: string, payload: unknown): Promise<Answer> {
    return this.socket.timeout(20_000).emitWithAck(event, payload)
  }
}

/** The HTTP API as a backend uses it. */
export function backend(url: string) {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const json = async (response: Response) => ({ status: response.status, ...((await response.json()) as object) })
  return {
    async notify(recipient: string | readonly string[], notification: unknown, more: object = {}) {
      const body = JSON.stringify({ recipient, notification, ...more })
      return (await json(await fetch(`${url}/v1/notify`, { method: 'POST', headers, body }))) as {
        readonly status: number
        readonly ok: boolean
        readonly id: string
        readonly duplicate: boolean
        readonly positions: Readonly<Record<string, Position>>
        readonly store: string
        readonly error?: { readonly code: string; readonly retry: boolean; readonly recipients?: readonly string[] }
      }
    },
    async counts(user: string): Promise<Counts> {
      const response = await fetch(`${url}/v1/users/${encodeURIComponent(user)}/counts`, { headers })
      return (await response.json()) as Counts
    },
  }
}
