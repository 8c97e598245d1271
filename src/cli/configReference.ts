import { jsonSchema, reference } from '../config/describe.ts'
import { parseWords } from './words.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseWords(args, [], { schema: { type: 'boolean' } })
  console.log(values.schema === true ? JSON.stringify(jsonSchema(), null, 2) : reference().trimEnd())
  return 0
}
