import { isEndpoint } from '../../core/endpoint.ts'
import { assertKeys, text, whole, wrong } from '../notifier/options.ts'

export interface SenderOptions {
  /**
   * The gateways' ingest endpoints, the preferred one first; the next one is taken when one does not answer. They must
   * share one store. Default tcp://127.0.0.1:20100.
   */
  readonly ingest?: string | readonly string[] | undefined
  /** Ids and collapse keys are scoped by it: 1 to 100 characters. Default: none. */
  readonly source?: string | undefined
  /** The largest body, in bytes: 1 to 1,048,576. Default 65,536, as in gateways. */
  readonly maxBytes?: number | undefined
  /** An answer that takes longer is late, and the same is sent again: 100 to 600,000. Default 5,000. */
  readonly timeoutMs?: number | undefined
  /** How many may be sent and not yet answered: 1 to 100,000. Default 1,000. */
  readonly window?: number | undefined
  /** How many may wait for their acknowledgement, sent or not: 1 to 1,000,000. Default 10,000. */
  readonly maxSpooled?: number | undefined
  /** How many bytes these may have together: 1 to 1,073,741,824. Default 67,108,864. */
  readonly maxSpooledBytes?: number | undefined
}

export interface Settings {
  readonly ingest: readonly string[]
  readonly source: string | undefined
  readonly maxBytes: number
  readonly timeoutMs: number
  readonly window: number
  readonly maxSpooled: number
  readonly maxSpooledBytes: number
}

const DEFAULT_INGEST = 'tcp://127.0.0.1:20100'
const MAX_GATEWAYS = 100
const KEYS = new Set(['ingest', 'source', 'maxBytes', 'timeoutMs', 'window', 'maxSpooled', 'maxSpooledBytes'])

/** @throws NotifierError `notifier.options`, naming the option */
export function readOptions(options: SenderOptions): Settings {
  assertKeys(options, KEYS)
  return {
    ingest: endpoints(options.ingest ?? DEFAULT_INGEST),
    source: options.source === undefined ? undefined : text('source', options.source),
    maxBytes: whole('maxBytes', options.maxBytes, 65_536, 1, 1_048_576),
    timeoutMs: whole('timeoutMs', options.timeoutMs, 5000, 100, 600_000),
    window: whole('window', options.window, 1000, 1, 100_000),
    maxSpooled: whole('maxSpooled', options.maxSpooled, 10_000, 1, 1_000_000),
    maxSpooledBytes: whole('maxSpooledBytes', options.maxSpooledBytes, 67_108_864, 1, 1_073_741_824),
  }
}

function endpoints(given: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  const good = list.filter(isEndpoint)
  if (good.length !== list.length || good.length === 0 || good.length > MAX_GATEWAYS)
    throw wrong('"ingest"', `must be an endpoint such as ${DEFAULT_INGEST}, or a list of 1 to ${MAX_GATEWAYS}`, given)
  return good
}
