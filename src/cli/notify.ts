import { ask, findRemote, REMOTE_OPTIONS } from './remote.ts'
import { parseWords, UsageError } from './words.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseWords(args, ['RECIPIENT', 'JSON'], {
    ...REMOTE_OPTIONS,
    live: { type: 'boolean' },
  })
  const [recipient = '', json = ''] = positionals
  if (!isJson(json)) throw new UsageError(`JSON: got ${JSON.stringify(json)}, expected one JSON value`)
  const body = request(recipient, json, values.live === true)
  const response = await ask(findRemote(values), '/v1/notify', { method: 'POST', body })
  console.log(JSON.stringify(await response.json()))
  return 0
}

/** The notification goes as it was written: parsed and printed again, its large numbers would suffer. */
function request(recipient: string, json: string, isLive: boolean): string {
  const head = JSON.stringify({ recipient, keep: !isLive })
  return `${head.slice(0, -1)},"notification":${json}}`
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
