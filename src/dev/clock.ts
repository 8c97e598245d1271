import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SCRIPT = 'notifiers/clock.ts'
const EVERY_S = '2'
const PATIENCE_MS = 2_000
/** A Ctrl-C reaches it too, and may end it before we are asked to stop: that is no news. */
const NEWS_AFTER_MS = 500

/**
 * The demo notifier, a program of its own that speaks to the gateway as any other would. Should it end before it is
 * asked to, `onEnd` hears of it; it is not started again.
 */
export function startClock(users: readonly string[], registry: string, onEnd: (how: string) => void) {
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, '--every', EVERY_S, ...users], {
    cwd: ROOT,
    env: { ...process.env, HERALDO_REGISTRY: registry },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  // Also when we end without asking anybody.
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let isAsked = false
  const ended = new Promise<void>((resolve) => {
    const end = (how: string) => {
      process.off('exit', kill)
      resolve()
      setTimeout(() => {
        if (!isAsked) onEnd(how)
      }, NEWS_AFTER_MS).unref()
    }
    child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`))
    child.once('error', (error) => end(error.message))
  })
  return {
    /** It ends after itself; when it does not, it is ended. */
    async stop(): Promise<void> {
      isAsked = true
      child.kill('SIGTERM')
      const impatience = setTimeout(kill, PATIENCE_MS)
      await ended
      clearTimeout(impatience)
    },
  }
}
