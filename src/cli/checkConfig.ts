import { CONFIG_OPTION, configFor } from './configFile.ts'
import { sayNotes } from './notes.ts'
import { parseWords } from './words.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseWords(args, [], CONFIG_OPTION)
  sayNotes(configFor(values.config))
  console.log(`${values.config ?? process.env['HERALDO_CONFIG'] ?? 'the defaults'}: ok`)
  return 0
}
