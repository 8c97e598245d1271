import { startServer } from '../server.ts'
import { CONFIG_OPTION, configFor } from './configFile.ts'
import { sayNotes } from './notes.ts'
import { runUntilSignal } from './runUntilSignal.ts'
import { parseWords } from './words.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseWords(args, [], CONFIG_OPTION)
  const config = configFor(values.config)
  return runUntilSignal(config.shutdown.timeoutMs, async () => {
    const server = await startServer(config)
    console.log(`heraldo ready: ${server.url}`)
    sayNotes(config)
    return server
  })
}
