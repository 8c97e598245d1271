import { malformed } from './refusals.ts'
import { refuseControls } from './ticketText.ts'

/** `pipe`: `userid_type:int|…` (repoze.who before 2.3, Pyramid); `urlencoded`: `userid_type=int&…`; `raw`: no types (Paste). */
export type UserDataFormat = 'pipe' | 'urlencoded' | 'raw'

const PIPE_TYPE = 'userid_type:'
const WHOLE_NUMBER = /^-?[0-9]{1,200}$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The user id of a genuine ticket as the application meant it: its type stands in the user data. A type that the
 * format's libraries do not know leaves the id as it is, as in them. @throws GatewayError with the reason MALFORMED
 */
export function writtenUserId(written: Uint8Array, userData: string, format: UserDataFormat): string | bigint {
  const text = utf8Text(written)
  const type = typeOf(userData, format)
  if (type === 'int') {
    if (!WHOLE_NUMBER.test(text)) throw malformed('a user id of type int that is none')
    return BigInt(text)
  }
  // Only Pyramid writes these two.
  if (format !== 'pipe' || (type !== 'b64unicode' && type !== 'b64str')) return text
  if (!BASE64.test(text)) throw malformed('a user id in base64 that is none')
  const id = utf8Text(Buffer.from(text, 'base64'))
  refuseControls(id)
  return id
}

function typeOf(userData: string, format: UserDataFormat): string | undefined {
  switch (format) {
    case 'pipe':
      return userData
        .split('|')
        .findLast((part) => part.startsWith(PIPE_TYPE))
        ?.slice(PIPE_TYPE.length)
    case 'urlencoded':
      return new URLSearchParams(userData).getAll('userid_type').at(-1)
    case 'raw':
      return undefined
  }
}

function utf8Text(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw malformed('text in a ticket that is not UTF-8')
  }
}
