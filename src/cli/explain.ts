import { harmless } from './harmless.ts'
import { ask, findRemote, REMOTE_OPTIONS } from './remote.ts'
import { parseWords } from './words.ts'

/** One copy's life, as `GET /v1/notifications/:id` tells it (PROTOCOL.md §7): milliseconds since 1970, null: not so far. */
interface Life {
  readonly recipient: string
  readonly position: { readonly seq: number }
  readonly accepted: number
  readonly stored: number
  readonly sent: { readonly devices: number; readonly at: number } | null
  readonly seen: number | null
  readonly read: number | null
  readonly gone: { readonly why: string; readonly at: number } | null
}

/** Tells what became of a kept notification, one line for each of its recipients. */
export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseWords(args, ['ID'], { ...REMOTE_OPTIONS, json: { type: 'boolean' } })
  const [id = ''] = positionals
  const response = await ask(findRemote(values), `/v1/notifications/${encodeURIComponent(id)}`)
  const text = await response.text()
  const { recipients }: { recipients: readonly Life[] } = JSON.parse(text)
  console.log(values.json === true ? text : recipients.map(readable).join('\n'))
  return 0
}

function readable({ recipient, position, accepted, stored, sent, seen, read, gone }: Life): string {
  return [
    recipient,
    `seq ${position.seq}`,
    `accepted ${timeOf(accepted)}`,
    `stored ${timeOf(stored)}`,
    sent === null
      ? 'not sent'
      : `sent to ${sent.devices} ${sent.devices === 1 ? 'device' : 'devices'} ${timeOf(sent.at)}`,
    seen === null ? 'not seen' : `seen ${timeOf(seen)}`,
    read === null ? 'not read' : `read ${timeOf(read)}`,
    ...(gone === null ? [] : [`${gone.why} ${timeOf(gone.at)}`]),
  ]
    .map(harmless)
    .join('  ')
}

const timeOf = (ms: number) => new Date(ms).toISOString()
