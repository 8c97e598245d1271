import type { Config } from '../config/schema.ts'
import { CONFIG_OPTION, configOrDev } from './configFile.ts'
import { Failure, UsageError } from './words.ts'

/** What every command that talks to a running gateway takes. */
export const REMOTE_OPTIONS = { ...CONFIG_OPTION, url: { type: 'string' }, key: { type: 'string' } } as const

export interface Remote {
  readonly url: string
  readonly key: string
}

/**
 * Where the gateway is, and a key that it takes: by option, else variable, else configuration. @throws UsageError,
 * ConfigError
 */
export function findRemote(values: { readonly [K in keyof typeof REMOTE_OPTIONS]?: string | undefined }): Remote {
  const givenUrl = values.url ?? process.env['HERALDO_URL']
  const givenKey = values.key ?? process.env['HERALDO_KEY']
  if (givenUrl !== undefined && !/^https?:$/.test(protocolOf(givenUrl)))
    throw new UsageError(`--url: got ${JSON.stringify(givenUrl)}, expected an address such as http://127.0.0.1:5886`)
  if (givenUrl !== undefined && givenKey !== undefined) return { url: givenUrl, key: givenKey }
  const config = configOrDev(values.config)
  const key = givenKey ?? config.http.keys[0]
  if (key === undefined)
    throw new UsageError('http.keys: got an empty list, expected a key to speak with (or --key KEY)')
  return { url: givenUrl ?? urlOf(config), key }
}

/** An answer that is not in order becomes one sentence. @throws Failure */
export async function ask({ url, key }: Remote, path: string, init: RequestInit = {}): Promise<Response> {
  const address = new URL(path, url)
  const headers = { authorization: `Bearer ${key}`, ...(init.body === undefined ? {} : JSON_TYPE) }
  let response: Response
  try {
    response = await fetch(address, { ...init, headers })
  } catch (error) {
    throw new Failure(`no gateway answers at ${address.origin} (${reasonOf(error)})`)
  }
  if (response.ok) return response
  throw new Failure(await refusalOf(response, address.origin))
}

const JSON_TYPE = { 'content-type': 'application/json' }

async function refusalOf(response: Response, origin: string): Promise<string> {
  try {
    const { error }: { error: { code: string; message: string } } = JSON.parse(await response.text())
    return `${error.code}: ${error.message}`
  } catch {
    return `${origin} answers ${response.status}, and not as a gateway does`
  }
}

/** A gateway that listens everywhere is reached on this machine. */
function urlOf({ http }: Config): string {
  const host = http.host === '0.0.0.0' ? '127.0.0.1' : http.host === '::' ? '::1' : http.host
  return `${http.tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${http.port}`
}

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : ''
}

/** fetch hides the reason one level down. */
function reasonOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error
  if (typeof cause !== 'object' || cause === null) return String(cause)
  return 'code' in cause ? String(cause.code) : cause instanceof Error ? cause.message : String(cause)
}
