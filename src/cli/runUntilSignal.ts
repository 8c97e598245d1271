import type { Events } from '../core/events.ts'

interface Running {
  /** Where what nobody caught is logged and counted. */
  readonly events?: Events
  /** Drains. Never rejects. */
  stop(): Promise<void>
}

/** A terminal tells the whole group of a Ctrl-C, and npm tells its child once more. */
const ECHO_MS = 500
const isUnderNpm = process.env['npm_execpath'] !== undefined

/**
 * Runs until SIGTERM or SIGINT, then drains: the exit code is 0 when that ends within `timeoutMs`, else 1. A second
 * signal ends the process at once.
 */
export async function runUntilSignal(timeoutMs: number, start: () => Promise<Running>): Promise<number> {
  const asked = firstSignal()
  const running = await start()
  const broken = firstUncaught(running)
  const code = await Promise.race([asked, broken])
  const ended = await Promise.race([running.stop().then(() => true), timeout(timeoutMs)])
  if (!ended) console.error(`heraldo: not everything ended within ${timeoutMs} ms (shutdown.timeoutMs)`)
  // Whatever still holds the process, it has been drained, or had its time.
  process.exit(ended ? code : 1)
}

function firstSignal(): Promise<number> {
  return new Promise((resolve) => {
    let first: number | undefined
    const hear = () => {
      const now = performance.now()
      if (first === undefined) {
        first = now
        resolve(0)
      } else if (!isUnderNpm || now - first > ECHO_MS) process.exit(1)
    }
    process.on('SIGTERM', hear)
    process.on('SIGINT', hear)
  })
}

/** A rejection that nobody handles harms nobody else; after an exception that nobody caught no state can be trusted. */
function firstUncaught({ events }: Running): Promise<number> {
  return new Promise((resolve) => {
    process.on('unhandledRejection', (error) => announce(events, 'unhandledRejection', error))
    process.on('uncaughtException', (error) => {
      announce(events, 'uncaughtException', error)
      resolve(1)
    })
  })
}

function announce(events: Events | undefined, during: string, error: unknown): void {
  if (events === undefined) console.error(`heraldo: ${during}:`, error)
  else events.emit('gateway.failed', { during, error })
}

const timeout = (ms: number) => new Promise<false>((resolve) => setTimeout(resolve, ms, false))
