import type { Publisher, Router } from 'zeromq'
import { StartError } from '../core/errors.ts'

/** @throws StartError names the key of the configuration and the address that cannot be had */
export async function bind(socket: Router | Publisher, address: string, key: string): Promise<void> {
  try {
    await socket.bind(address)
  } catch (cause) {
    throw cannotListen(address, key, cause)
  }
}

export function cannotListen(address: string, key: string, cause: unknown): StartError {
  const isTaken = typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'EADDRINUSE'
  const why = isTaken ? 'it is taken by another program, perhaps another gateway' : String(cause)
  return new StartError(`${key}: cannot listen on ${address}: ${why}.`)
}
