import { commands } from './commands.ts'
import { parseWords, UsageError } from './words.ts'

const WIDTH = Math.max(...[...commands.keys()].map((name) => name.length))

export async function run(args: readonly string[]): Promise<number> {
  const [name] = parseWords(args, ['[COMMAND]'], {}).positionals
  console.log(name === undefined ? overview() : usage(name))
  return 0
}

/** How one command is called. @throws UsageError */
export function usage(name: string): string {
  if (name === 'help') return 'heraldo help [COMMAND]'
  const command = commands.get(name)
  if (command === undefined) throw new UsageError(`there is no command ${JSON.stringify(name)}; see "heraldo help"`)
  return `heraldo ${name} ${command.words}`.trimEnd()
}

function overview(): string {
  const rows = [...commands].map(([name, { summary }]) => `  ${name.padEnd(WIDTH)}  ${summary}`)
  return [
    'Heraldo, a notification gateway. heraldo COMMAND --help shows the words of a command.',
    '',
    ...rows,
    '',
    'A configuration is found by --config FILE, else HERALDO_CONFIG; single keys by HERALDO_… (config-reference lists them).',
    'notify, tail, explain, token and whoami take config/dev.json without one; HERALDO_URL and HERALDO_KEY say where the gateway is.',
    'Exit codes: 0 done, 1 failed while running, 2 wrong words or configuration.',
  ].join('\n')
}
