import type { Duplex } from 'node:stream'
import type { Socket } from './tab.ts'

/**
 * Drops what Engine.IO and Socket.IO keep of a handshake as long as its connection lasts, though nobody asks for it
 * again: the request with its headers.
 */
export function forgetHandshake(socket: Socket): void {
  Reflect.set(socket.conn, 'request', undefined)
  Reflect.set(socket, 'handshake', undefined)
}

/**
 * Drops what Engine.IO makes of an upgrade so that middlewares may take it for a response. By listening to the socket's
 * end it would stay, and the request with it. With a version that listens otherwise nothing is dropped.
 */
export function forgetUpgrade(wire: Duplex, listenersBefore: number): void {
  const [added, ...more] = wire.listeners('close').slice(listenersBefore)
  if (isListener(added) && more.length === 0) wire.off('close', added)
}

const isListener = (it: unknown): it is () => void => typeof it === 'function'
