import type { Socket } from 'node:net'

/**
 * Has a connection heard to its end. A peer that closes may have said much that was not read yet; Node would drop all
 * that for the first write which fails. Therefore none does: the reading side finds the end soon enough.
 */
export function hearOut(socket: Socket): void {
  const { _write: write, _writev: writev } = socket
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, () => done())
  socket._writev = (chunks, done) => writev?.call(socket, chunks, () => done())
}
