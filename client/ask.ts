import type { Socket } from 'socket.io-client'
import { HeraldoError } from './heraldoError.ts'
import { pauseAfter } from './pauses.ts'
import type { Reply, Requests } from './wire.ts'

const PATIENCE_MS = 10_000
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 2_000

export type Ask = <Name extends keyof Requests>(
  name: Name,
  payload: Requests[Name]['asks'],
) => Promise<Requests[Name]['gets']>

/**
 * Asks the gateway. A refusal that may pass is tried again while the connection stands and patience lasts, in all ten
 * seconds: whatever may be asked does no harm when it is asked twice. @throws HeraldoError
 */
export async function ask<Name extends keyof Requests>(
  socket: Socket,
  name: Name,
  payload: Requests[Name]['asks'],
): Promise<Requests[Name]['gets']> {
  const deadline = performance.now() + PATIENCE_MS
  for (let failures = 1; ; failures++) {
    const reply = await askOnce(socket, name, payload, deadline - performance.now())
    if (reply.ok) return reply
    const pauseMs = pauseAfter(failures, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    if (!reply.error.retry || performance.now() + pauseMs > deadline) throw new HeraldoError(reply.error)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    if (!socket.connected) throw notConnected()
  }
}

export const notConnected = () => new HeraldoError({ code: 'network', message: 'not connected', retry: true })

function askOnce<Name extends keyof Requests>(
  socket: Socket,
  name: Name,
  payload: Requests[Name]['asks'],
  withinMs: number,
): Promise<Reply<Requests[Name]['gets']>> {
  return new Promise((resolve, reject) => {
    // Socket.IO gives up on an answer when the time is over, and when the connection is.
    socket.timeout(withinMs).emit(name, payload, (error: Error | null, reply: Reply<Requests[Name]['gets']>) => {
      if (error === null) resolve(reply)
      else if (!socket.connected) reject(notConnected())
      else reject(new HeraldoError({ code: 'timeout', message: error.message, retry: true }))
    })
  })
}
