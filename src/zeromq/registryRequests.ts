import { isEndpoint } from '../core/endpoint.ts'
import { GatewayError } from '../core/errors.ts'
import type { Directory, Publisher } from '../core/ports.ts'
import { decodeUtf8 } from '../core/rawJson.ts'

const MAX_REQUEST_BYTES = 16_384
const MAX_NAME_LENGTH = 200
const MAX_TTL_SECONDS = 86_400

/**
 * Does what a request asks (PROTOCOL.md §3) and says what to answer.
 * @throws GatewayError `registry.…`, `draft.notUtf8`
 */
export function answer(frames: readonly Buffer[], directory: Directory): unknown {
  const request = parse(frames)
  switch (request['type']) {
    case 'get-publishers':
      return directory.addresses()
    case 'add-publisher':
      directory.add({ address: address(request), name: name(request), ttlMs: ttlMs(request) })
      return directory.addresses()
    case 'remove-publisher':
      directory.remove(address(request))
      return directory.addresses()
    case 'describe-publishers':
      return directory.list().map(describe)
    default:
      throw refused('The registry knows get-publishers, add-publisher, remove-publisher and describe-publishers.')
  }
}

function parse(frames: readonly Buffer[]): Readonly<Record<string, unknown>> {
  const [frame] = frames
  if (frame === undefined || frames.length !== 1) throw refused('A request is one frame.')
  if (frame.length > MAX_REQUEST_BYTES) throw refused('A request has 16,384 bytes at most.')
  let request: unknown
  try {
    request = JSON.parse(decodeUtf8(frame))
  } catch {
    throw refused('The request is not JSON.')
  }
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw refused('The request is not a JSON object.')
  return { ...request }
}

function address(request: Readonly<Record<string, unknown>>): string {
  const given = request['address']
  if (!isEndpoint(given)) throw new GatewayError('registry.address')
  return given
}

function name(request: Readonly<Record<string, unknown>>): string | undefined {
  const given = request['name']
  if (given === undefined) return undefined
  if (typeof given === 'string' && given.length <= MAX_NAME_LENGTH) return given
  throw refused(`A name is a text of at most ${MAX_NAME_LENGTH} characters.`)
}

function ttlMs(request: Readonly<Record<string, unknown>>): number | undefined {
  const given = request['ttl']
  if (given === undefined) return undefined
  if (typeof given === 'number' && Number.isInteger(given) && given >= 1 && given <= MAX_TTL_SECONDS)
    return given * 1000
  throw refused('A ttl is a whole number of seconds from 1 to 86,400.')
}

const describe = ({ address, name, since, lastSeen }: Publisher) => ({ address, name, since, lastSeen })
const refused = (message: string) => new GatewayError('registry.request', { message })
