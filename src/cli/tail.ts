import { harmless } from './harmless.ts'
import { ask, findRemote, REMOTE_OPTIONS } from './remote.ts'
import { Failure, parseWords } from './words.ts'

/** What passes, as `GET /v1/tail` tells it (PROTOCOL.md §7). */
interface Passed {
  readonly at: number
  readonly outcome: string
  readonly recipient?: string
  readonly id?: string
  readonly type?: string
  readonly connections?: number
  readonly code?: string
  readonly source?: string
}

/**
 * Shows what passes, one line each. It ends with the gateway (exit 1) or with Ctrl-C (exit 0); it does not come back.
 */
export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseWords(args, ['[RECIPIENT]'], { ...REMOTE_OPTIONS, json: { type: 'boolean' } })
  const remote = findRemote(values)
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
  const [recipient] = positionals
  const query = recipient === undefined ? '' : `?recipient=${encodeURIComponent(recipient)}`
  const response = await ask(remote, `/v1/tail${query}`)
  console.error(`heraldo: showing what passes at ${remote.url} from now on; Ctrl-C ends it`)
  for await (const { name, data } of eventsOf(response)) {
    if (name === 'dropped') console.error(`heraldo: too slow to show everything: ${data}`)
    else console.log(values.json === true ? data : readable(JSON.parse(data), bodyIn(data)))
  }
  throw new Failure(`the gateway at ${remote.url} has ended the tail`)
}

/** Server-Sent Events, as far as the gateway speaks them: one line of data each. */
async function* eventsOf({ body }: Response): AsyncGenerator<{ name: string; data: string }> {
  if (body === null) return
  let rest = ''
  try {
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + text).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const data = fieldOf(block, 'data')
        if (data !== undefined) yield { name: fieldOf(block, 'event') ?? 'message', data }
      }
    }
  } catch (error) {
    // A gateway that died ends its stream in the middle, which is the same to us; a bug of ours is not.
    if (!(error instanceof TypeError && error.message === 'terminated')) throw error
  }
}

const fieldOf = (block: string, name: string) =>
  block
    .split('\n')
    .find((line) => line.startsWith(`${name}: `))
    ?.slice(name.length + 2)

/** The body as its sender wrote it. Quotes inside texts are escaped, so these keys stand where they seem to. */
const bodyIn = (data: string) => data.slice(data.indexOf(BODY) + BODY.length, data.lastIndexOf(BEHIND_BODY))
const BODY = ',"body":'
const BEHIND_BODY = ',"connections":'

function readable(passed: Passed, body: string): string {
  const { at, outcome, recipient, id, type, connections = 0, code, source } = passed
  const what =
    recipient === undefined
      ? [outcome, code, source]
      : [recipient, type, id, `${connections} ${connections === 1 ? 'connection' : 'connections'}`, body]
  return [timeOf(at), ...what.filter((part) => part !== undefined)].map(harmless).join('  ')
}

function timeOf(at: number): string {
  const date = new Date(at)
  const pad = (value: number, digits = 2) => String(value).padStart(digits, '0')
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`
}
