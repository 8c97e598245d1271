import { isEndpoint } from '../../core/endpoint.ts'
import { NotifierError } from './errors.ts'

export interface NotifierOptions {
  /** How operators know this notifier: 1 to 100 characters. */
  readonly name: string
  /** The registry's REP endpoint; null: none, then the gateways' configuration names this notifier. Default tcp://127.0.0.1:20103. */
  readonly registry?: string | null | undefined
  /** Where gateways connect to: `tcp://HOST:PORT` (`*` as port: any free one) or `ipc://PATH`. Default tcp://127.0.0.1:*. */
  readonly bind?: string | undefined
  /** The endpoint told to the registry, where gateways cannot use the bound one. */
  readonly advertise?: string | undefined
  /** Ids are scoped by it: two programs of one source never show the same id twice. Default: the name. */
  readonly source?: string | undefined
  /** The registry forgets this notifier when it stays silent so long: 3 to 86,400. Default 30. */
  readonly ttlSeconds?: number | undefined
  /** The largest body, in bytes: 1 to 1,048,576. Default 65,536, as in gateways. */
  readonly maxBytes?: number | undefined
  /** How many notifications may wait to be sent: 1 to 1,000,000. Default 10,000. */
  readonly maxQueued?: number | undefined
  /** How many recipients are counted before a new epoch begins: 1 to 10,000,000. Default 100,000. */
  readonly maxCounters?: number | undefined
}

export interface Settings {
  readonly name: string
  readonly registry: string | null
  readonly bind: string
  readonly advertise: string | undefined
  readonly source: string
  readonly ttlSeconds: number
  readonly maxBytes: number
  readonly maxQueued: number
  readonly maxCounters: number
}

const TCP = /^tcp:\/\/([^:/\s]+|\[[0-9A-Fa-f:.%]+\]):(\d{1,5}|\*)$/
const IPC = /^ipc:\/\/\S+$/
const WILDCARD_HOSTS = new Set(['*', '0.0.0.0', '[::]'])
// biome-ignore lint/suspicious/noControlCharactersInRegex: a name is shown in logs and lists
const NAME = /^[^\u0000-\u001f\u007f]{1,100}$/
const KEYS = new Set([
  'name',
  'registry',
  'bind',
  'advertise',
  'source',
  'ttlSeconds',
  'maxBytes',
  'maxQueued',
  'maxCounters',
])

/**
 * Everything is judged here, before there is a socket: a socket whose constructor throws takes the process down when
 * it ends. @throws NotifierError `notifier.options`, naming the option
 */
export function readOptions(options: NotifierOptions): Settings {
  assertKeys(options, KEYS)
  const name = text('name', options.name)
  const settings = {
    name,
    registry:
      options.registry === null ? null : endpoint('registry', options.registry, 'tcp://127.0.0.1:20103', isEndpoint),
    bind: endpoint('bind', options.bind, 'tcp://127.0.0.1:*', isBindable),
    advertise: options.advertise === undefined ? undefined : endpoint('advertise', options.advertise, '', isEndpoint),
    source: text('source', options.source ?? name),
    ttlSeconds: whole('ttlSeconds', options.ttlSeconds, 30, 3, 86_400),
    maxBytes: whole('maxBytes', options.maxBytes, 65_536, 1, 1_048_576),
    maxQueued: whole('maxQueued', options.maxQueued, 10_000, 1, 1_000_000),
    maxCounters: whole('maxCounters', options.maxCounters, 100_000, 1, 10_000_000),
  }
  if (settings.registry !== null && settings.advertise === undefined && bindsEverywhere(settings.bind)) {
    throw new NotifierError(
      'notifier.options',
      `"bind" is ${settings.bind}, which gateways cannot connect to: set "advertise" to the endpoint they can reach.`,
    )
  }
  return settings
}

/** @throws NotifierError `notifier.options` */
export function assertKeys(options: unknown, known: ReadonlySet<string>): void {
  if (typeof options !== 'object' || options === null) throw wrong('The options', 'must be an object', options)
  for (const key of Object.keys(options)) if (!known.has(key)) throw wrong(`"${key}"`, 'is no option', undefined)
}

/** @throws NotifierError `notifier.options` */
export function text(key: string, value: unknown): string {
  if (typeof value !== 'string' || !NAME.test(value))
    throw wrong(`"${key}"`, 'must be a text of 1 to 100 characters without control characters', value)
  return value
}

function endpoint(key: string, value: unknown, byDefault: string, isGood: (value: string) => boolean): string {
  const chosen = value ?? byDefault
  if (typeof chosen !== 'string' || !isGood(chosen))
    throw wrong(`"${key}"`, 'must be an endpoint such as tcp://127.0.0.1:20105', value)
  return chosen
}

/** @throws NotifierError `notifier.options` */
export function whole(key: string, value: unknown, byDefault: number, min: number, max: number): number {
  const chosen = value ?? byDefault
  if (typeof chosen !== 'number' || !Number.isInteger(chosen) || chosen < min || chosen > max)
    throw wrong(`"${key}"`, `must be a whole number from ${min} to ${max}`, value)
  return chosen
}

function isBindable(value: string): boolean {
  const [, , port] = TCP.exec(value) ?? []
  return port === undefined ? IPC.test(value) : port === '*' || isPort(port)
}

const isPort = (text: string) => Number(text) >= 1 && Number(text) <= 65_535
const bindsEverywhere = (bind: string) => WILDCARD_HOSTS.has(TCP.exec(bind)?.[1] ?? '')

/** libzmq speaks IPv6 only where it is told to. */
export const isIpv6 = (endpoint: string) => endpoint.startsWith('tcp://[')

export function wrong(what: string, rule: string, value: unknown): NotifierError {
  const shown = value === undefined ? '' : `, not ${describe(value)}`
  return new NotifierError('notifier.options', `${what} ${rule}${shown}.`)
}

const describe = (value: unknown) =>
  typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value).slice(0, 100) : typeof value
