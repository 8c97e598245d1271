#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { commands } from './commands.ts'
import { Failure, UsageError } from './words.ts'

/** One word names the command; it answers the exit code. */
async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--version') return print(version())
  if (name === '--help' || name === '-h') return main(['help'])
  if (name === undefined) throw new UsageError(`which command? One of ${[...commands.keys(), 'help'].join(', ')}`)
  const command = commands.get(name)
  process.stdout.on('error', command?.isServer === true ? goOn : endWithReader)
  if (command !== undefined && !asksForHelp(args)) return (await command.load()).run(args)
  const help = await import('./help.ts')
  return name === 'help' ? help.run(args) : print(help.usage(name))
}

/** What is expected to go wrong is one line; anything else is a bug and shows its stack. */
function report(error: unknown): number {
  if (!(error instanceof Error)) throw error
  // By name, so that the classes' modules load only with the command that throws them.
  const isExpected = error instanceof Failure || error.name === 'StartError'
  const isOurWords = error instanceof UsageError || error.name === 'ConfigError'
  console.error(isExpected || isOurWords ? `heraldo: ${oneLine(error.message)}` : error)
  return isOurWords ? 2 : 1
}

function print(line: string): number {
  console.log(line)
  return 0
}

/** Who reads an answer may have read enough: heraldo tail | head. */
const endWithReader = (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1)
/** A gateway is there for others than who reads its log. */
const goOn = () => {}

const asksForHelp = (args: readonly string[]) => args.includes('--help') || args.includes('-h')
const oneLine = (text: string) => text.replace(/\s*\n\s*/g, ' ')

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : ''
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = report(error)
}
