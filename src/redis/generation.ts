import type { Redis } from 'ioredis'
import type { Clock } from '../core/ports.ts'

export interface GenerationOptions {
  readonly redis: Redis
  readonly clock: Clock
  /** What is to be ready before anything else passes, on every connection. */
  readonly prepare: () => Promise<void>
  /** It could not be asked, though Redis is there. */
  readonly onRefusal: (reason: string) => void
}

export interface Generation {
  /** undefined: not known, or not known any more. Then nothing may be asked of the store. */
  current(): string | undefined
  onChange(changed: () => void): void
  /** Called whenever it is known again, changed or not. */
  onKnown(known: () => void): void
  /** Resolves when it was asked once, whatever came of it. */
  readonly asked: Promise<void>
  close(): void
}

const RETRY_MS = 2_000
const RUN_ID = /^run_id:(\w+)/m

/**
 * Which life of Redis this is: its `run_id`, another one after each restart and each failover. Asked anew on every
 * connection, before anything else passes.
 */
export function redisGeneration({ redis, clock, prepare, onRefusal }: GenerationOptions): Generation {
  let current: string | undefined
  let last: string | undefined
  let attempt = 0
  let cancelRetry = () => {}
  const changed: (() => void)[] = []
  const known: (() => void)[] = []
  let firstWasAsked = () => {}
  const asked = new Promise<void>((resolve) => {
    firstWasAsked = resolve
  })

  const forget = () => {
    current = undefined
    attempt++
    cancelRetry()
  }
  const ask = async () => {
    forget()
    const own = attempt
    try {
      const [info] = await Promise.all([redis.info('server'), prepare()])
      const runId = RUN_ID.exec(info)?.[1]
      if (runId === undefined) throw new Error('INFO names no run_id')
      // The connection may have been lost meanwhile, and another one be asked.
      if (own !== attempt) return
      current = runId
    } catch (error) {
      if (own !== attempt) return
      if (redis.status === 'ready') onRefusal(error instanceof Error ? error.message : `${error}`)
      cancelRetry = clock.later(RETRY_MS, () => void ask())
      return
    } finally {
      firstWasAsked()
    }
    const isAnother = last !== undefined && last !== current
    last = current
    for (const listener of known) listener()
    if (isAnother) for (const listener of changed) listener()
  }
  const onReady = () => void ask()
  redis.on('ready', onReady)
  redis.on('close', forget)
  if (redis.status === 'ready') void ask()

  return {
    current: () => current,
    onChange: (listener) => void changed.push(listener),
    onKnown: (listener) => void known.push(listener),
    asked,
    close() {
      redis.off('ready', onReady)
      redis.off('close', forget)
      forget()
      firstWasAsked()
    },
  }
}
