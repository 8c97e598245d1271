import type { Redis } from 'ioredis'
import type { Clock } from '../core/ports.ts'
import { retryMs } from './connection.ts'
import { askAll, RespConnection } from './respConnection.ts'

export interface GenerationOptions {
  readonly redis: Redis
  readonly clock: Clock
  /** Commands that have to pass before anything else does, on every connection. */
  readonly prepare: () => readonly (readonly string[])[]
  /** It could not be asked, though Redis is there. */
  readonly onRefusal: (reason: string) => void
}

export interface Generation {
  /** undefined: not known, or not known any more. Then nothing may be asked of the store. */
  current(): string | undefined
  /** To that life and no other; there whenever it is known. */
  connection(): RespConnection | undefined
  onChange(changed: () => void): void
  /** Called whenever it is known again, changed or not. */
  onKnown(known: () => void): void
  /** Resolves when it was asked once, whatever came of it. */
  readonly asked: Promise<void>
  close(): void
}

const RUN_ID = /^run_id:(\w+)/m

/**
 * Which life of Redis this is: its `run_id`, another one after each restart and each failover. Asked anew on every
 * connection, before anything else passes: on ioredis's, and on one of our own beside it, which is made whenever there
 * is none. Both have to lead to the same.
 */
export function redisGeneration({ redis, clock, prepare, onRefusal }: GenerationOptions): Generation {
  let current: string | undefined
  let connection: RespConnection | undefined
  let last: string | undefined
  let failures = 0
  let cancelRetry = () => {}
  const changed: (() => void)[] = []
  const known: (() => void)[] = []
  let firstWasAsked = () => {}
  const asked = new Promise<void>((resolve) => {
    firstWasAsked = resolve
  })

  const forget = () => {
    current = undefined
    cancelRetry()
    const ended = connection
    connection = undefined
    ended?.end()
  }
  const retry = () => {
    forget()
    cancelRetry = clock.later(retryMs(++failures), () => void ask())
  }
  const ask = async () => {
    forget()
    const onLost = () => {
      if (own === connection && current !== undefined) retry()
    }
    const own = new RespConnection({ redis: redis.options, clock, onLost })
    connection = own
    try {
      const [there, [here]] = await Promise.all([redis.info('server'), askAll(own, [['INFO', 'server'], ...prepare()])])
      // One of them may have been lost meanwhile, and another one be asked.
      if (own !== connection) return
      if (runIdIn(there) !== runIdIn(`${here}`)) {
        redis.disconnect(true)
        throw new Error('its address leads to two')
      }
      current = runIdIn(there)
    } catch (error) {
      if (own !== connection) return
      if (redis.status === 'ready') onRefusal(error instanceof Error ? error.message : `${error}`)
      return retry()
    } finally {
      firstWasAsked()
    }
    failures = 0
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
    connection: () => (current === undefined ? undefined : connection),
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

function runIdIn(info: string): string {
  const runId = RUN_ID.exec(info)?.[1]
  if (runId === undefined) throw new Error('INFO names no run_id')
  return runId
}
