import { Socket } from 'node:net'

type Done = (error?: Error | null) => void

/**
 * A connection that is heard to its end. A peer that closes may have said much that was not read yet; Node would drop
 * all that for the first write which fails. The reading side finds the end soon enough.
 */
export class AttentiveSocket extends Socket {
  override _write(chunk: unknown, encoding: BufferEncoding, done: Done): void {
    super._write(chunk, encoding, () => done())
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], done: Done): void {
    super._writev?.(chunks, () => done())
  }
}
