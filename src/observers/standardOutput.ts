/** What a reader of standard output may leave unread before lines are lost rather than memory. */
const MAX_QUEUED_BYTES = 4_194_304

/**
 * Standard output as a place for lines. Its reader may have gone (`heraldo start | head`) or stopped reading, or its disk
 * be full: none of that may hurt the gateway. pino's own destination waits forever for the first in its `flushSync`.
 */
class StandardOutput {
  #isOpen = true

  constructor() {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      // Who has gone never comes back; a disk may have room again.
      if (error.code === 'EPIPE') this.#isOpen = false
    })
  }

  write(line: string): void {
    if (this.#isOpen && process.stdout.writableLength < MAX_QUEUED_BYTES) process.stdout.write(line)
  }

  /** Resolves when the reader has taken everything, or has gone. */
  async drain(): Promise<void> {
    if (this.#isOpen && process.stdout.writableLength > 0)
      await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
  }
}

let ofThisProcess: StandardOutput | undefined

/** One for the whole process, because it listens to the process's stream. */
export function standardOutput(): StandardOutput {
  ofThisProcess ??= new StandardOutput()
  return ofThisProcess
}
