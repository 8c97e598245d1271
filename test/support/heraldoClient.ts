import type { ManagerOptions, SocketOptions } from 'socket.io-client'
import {
  type Change,
  type Counts,
  connect,
  type Farewell,
  type Heraldo,
  type Meta,
  type Options,
  type State,
} from '../../client/index.ts'

/** A page: our own client, and everything that it told, in order. */
export interface Page {
  readonly heraldo: Heraldo
  readonly bodies: unknown[]
  readonly metas: Meta[]
  /** Each with the code of its reason. */
  readonly states: [State, string | undefined][]
  readonly byes: Farewell[]
  readonly counts: Counts[]
  readonly changes: Change[]
  /** How often it was told to list again. */
  readonly stale: () => number
}

const pages: Page[] = []

/** With pauses that a test can wait for. */
export function openClient(
  url: string,
  options: Options,
  socketio: Partial<ManagerOptions & SocketOptions> = {},
): Page {
  const pauses = { transports: ['websocket'], reconnectionDelay: 20, reconnectionDelayMax: 100 }
  const heraldo = connect(url, { ...options, socketio: { ...pauses, ...socketio } })
  let stale = 0
  const told = { bodies: [], metas: [], states: [], byes: [], counts: [], changes: [] }
  const page: Page = { heraldo, ...told, stale: () => stale }
  heraldo.on('notification', (body, meta) => {
    page.bodies.push(body)
    page.metas.push(meta)
  })
  heraldo.on('state', (state, reason) => page.states.push([state, reason?.code]))
  heraldo.on('bye', (farewell) => page.byes.push(farewell))
  heraldo.on('counts', (counts) => page.counts.push(counts))
  heraldo.on('change', (changes) => page.changes.push(...changes))
  heraldo.on('stale', () => void stale++)
  pages.push(page)
  return page
}

export function closeClients(): void {
  for (const { heraldo } of pages.splice(0)) heraldo.close()
}
