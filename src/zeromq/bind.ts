import type { Publisher, Router } from 'zeromq'
import { StartError } from '../core/errors.ts'

/** @throws StartError names the key of the configuration and the address that cannot be had */
export async function bind(socket: Router | Publisher, address: string, key: string): Promise<void> {
  try {
    await socket.bind(address)
  } catch (cause) {
    const why =
      codeOf(cause) === 'EADDRINUSE' ? 'it is taken by another program, perhaps another gateway' : String(cause)
    throw new StartError(`${key}: cannot listen on ${address}: ${why}.`)
  }
}

const codeOf = (thrown: unknown) =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : ''
