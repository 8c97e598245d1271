import { io as io4, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import { io as io3 } from 'socket.io-client-3'
import WebSocket from 'ws'
import type { Farewell, Hello, Notification } from '../../src/core/notification.ts'
import { until } from './until.ts'

export type Meta = Pick<Notification, 'id' | 'type' | 'at' | 'expiresAt' | 'collapse'>

/** A browser tab: a real Socket.IO client, and everything that it heard, in order. */
export interface Browser {
  readonly socket: Socket
  readonly heard: { event: string; args: unknown[] }[]
  readonly hellos: Hello[]
  readonly bodies: unknown[]
  readonly metas: Meta[]
  readonly byes: Farewell[]
  readonly disconnects: string[]
  readonly refusals: (Error & { data?: unknown })[]
  transportName(): string | undefined
}

type Options = Partial<ManagerOptions & SocketOptions>
export const CLIENTS = { '4.8': io4, '3.1': io3 }

/** Resolves once it was greeted, or refused. */
export async function browse(
  url: string,
  token: string | undefined,
  options: Options = {},
  open: typeof io4 = io4,
): Promise<Browser> {
  const socket = open(url, {
    forceNew: true,
    reconnectionDelay: 10,
    reconnectionDelayMax: 50,
    transports: ['websocket'],
    auth: token === undefined ? {} : { token },
    ...options,
  })
  const browser: Browser = {
    socket,
    heard: [],
    hellos: [],
    bodies: [],
    metas: [],
    byes: [],
    disconnects: [],
    refusals: [],
    transportName: () => socket.io.engine?.transport?.name,
  }
  // Not onAny, which runs before the listeners and is not in 3.1's types.
  for (const event of ['hello', 'notification', 'bye'])
    socket.on(event, (...args: unknown[]) => {
      browser.heard.push({ event, args })
      if (event === 'hello') browser.hellos.push(args[0] as Hello)
      else if (event === 'bye') browser.byes.push(args[0] as Farewell)
      else {
        browser.bodies.push(args[0])
        browser.metas.push(args[1] as Meta)
      }
    })
  socket.on('disconnect', (reason) => void browser.disconnects.push(reason))
  socket.on('connect_error', (error) => void browser.refusals.push(error))
  await until('the browser was greeted or refused', () => browser.hellos.length + browser.refusals.length > 0)
  return browser
}

/** Closes the tab for good, and waits until its last request is done: it would end in a test file that has ended. */
export async function closeTab({ socket }: Browser): Promise<void> {
  socket.disconnect()
  await until('its connection is closed', () => (socket.io.engine?.readyState ?? 'closed') === 'closed')
}

/** A WebSocket that speaks Engine.IO by hand, for what no client library would do. */
export interface RawClient {
  readonly ws: WebSocket
  readonly messages: string[]
  closeCode: number | undefined
}

export async function rawClient(port: number, token?: string): Promise<RawClient> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`)
  const client: RawClient = { ws, messages: [], closeCode: undefined }
  ws.on('message', (data) => void client.messages.push(String(data)))
  ws.on('close', (code) => {
    client.closeCode = code
  })
  ws.on('error', () => ws.terminate())
  await until('the raw client is open', () => client.messages.length > 0 || client.closeCode !== undefined)
  if (token !== undefined) ws.send(`40${JSON.stringify({ token })}`)
  return client
}

/** Long-polling by hand: resolves to the session's id. */
export async function rawPolling(url: string): Promise<string> {
  const opened = await fetch(`${url}/socket.io/?EIO=4&transport=polling`)
  const { sid } = JSON.parse((await opened.text()).slice(1)) as { sid: string }
  return sid
}
