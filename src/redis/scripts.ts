import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

export interface Script {
  readonly text: string
  /** By this Redis knows it. */
  readonly sha: string
}

/** What stands in each script: as an argument it would have to be read by each call. */
export interface Constants {
  /** How many an inbox holds. */
  readonly keep: number
  readonly standsMs: number
  /** What time it is, in milliseconds since 1970; undefined: what the store's own clock says. */
  readonly now: number | undefined
}

export type Argument = string | number

/** One call of a script. */
export interface Call {
  readonly script: Script
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
}

/** What a script answers: bytes, whatever they mean, or a flat list of them. */
export type Answer = Buffer | number | null | readonly Answer[]
export type Scripts = ReturnType<typeof scriptsWith>

/** Each of them is made of files in scripts/, in this order. */
export function scriptsWith({ keep, standsMs, now }: Constants) {
  const constants = `local KEEP, STANDS, NOW = ${keep}, ${standsMs}, ${now ?? 'nil'}\n`
  const script = (...names: readonly (keyof typeof FILES)[]): Script => {
    const text = constants + names.map((name) => FILES[name]).join('\n')
    return { text, sha: createHash('sha1').update(text).digest('hex') }
  }
  return {
    keep: script('inbox', 'keep'),
    open: script('inbox', 'items', 'open'),
    list: script('inbox', 'items', 'list'),
    mark: script('inbox', 'mark'),
    renew: script('inbox', 'renew'),
    lives: script('inbox', 'lives'),
    sent: script('sent'),
  }
}

/** So that no call of theirs is refused, unless somebody flushes them. */
export async function loadScripts(redis: Redis, scripts: Scripts): Promise<void> {
  await Promise.all(Object.values(scripts).map(({ text }) => redis.script('LOAD', text)))
}

/** Of a call that failed we have the error. */
export type Outcome = [error: Error | null, answer?: unknown]

/**
 * Many calls in one round trip; the outcomes stand in their order. A Redis that has forgotten the scripts is told them
 * again, once.
 */
export async function runScripts(redis: Redis, calls: readonly Call[]): Promise<readonly Outcome[]> {
  const first = await pipelined(redis, calls)
  const refused = calls.filter((_, i) => isForgotten(first[i]))
  if (refused.length === 0) return first
  await Promise.all([...new Set(refused.map(({ script }) => script.text))].map((text) => redis.script('LOAD', text)))
  const second = (await pipelined(redis, refused))[Symbol.iterator]()
  return first.map((outcome) => (isForgotten(outcome) ? (second.next().value ?? outcome) : outcome))
}

async function pipelined(redis: Redis, calls: readonly Call[]): Promise<readonly Outcome[]> {
  const pipeline = redis.pipeline()
  for (const { script, keys, args } of calls) {
    pipeline.callBuffer('EVALSHA', script.sha, keys.length, ...keys, ...args)
  }
  const outcomes = await pipeline.exec()
  if (outcomes === null) throw new Error('Connection is closed.')
  return outcomes
}

const isForgotten = (outcome: Outcome | undefined) => outcome?.[0]?.message.startsWith('NOSCRIPT') === true
const FILES = {
  inbox: read('inbox'),
  items: read('items'),
  keep: read('keep'),
  open: read('open'),
  list: read('list'),
  mark: read('mark'),
  renew: read('renew'),
  lives: read('lives'),
  sent: read('sent'),
}

function read(name: string): string {
  return readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8')
}
