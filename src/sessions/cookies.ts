import { overLimit } from './refusals.ts'

const MAX_HEADER_LENGTH = 65_536
const MAX_SAME_NAME = 8

/**
 * All values of one cookie in a raw `Cookie` header, in its order, unquoted and not percent-decoded; empty ones are
 * left out. A name may stand there several times, for several domains and paths, and only one of them may be the right
 * one; libraries keep the first or the last. @throws GatewayError with the reason LIMIT
 */
export function cookieValues(header: string | undefined, name: string): readonly string[] {
  if (header === undefined) return []
  if (header.length > MAX_HEADER_LENGTH) throw overLimit(`a Cookie header over ${MAX_HEADER_LENGTH}`)
  const values: string[] = []
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals === -1 || pair.slice(0, equals).trim() !== name) continue
    const value = unquote(pair.slice(equals + 1).trim())
    if (value === '') continue
    if (values.length === MAX_SAME_NAME) throw overLimit(`more than ${MAX_SAME_NAME} cookies of one name`)
    values.push(value)
  }
  return values
}

const unquote = (value: string) =>
  value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
