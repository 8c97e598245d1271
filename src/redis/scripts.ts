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

export type Argument = string | number | Uint8Array

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
    owners: script('owners'),
  }
}

/** So that no call of theirs is refused, unless somebody flushes them. */
export async function loadScripts(redis: Redis, scripts: Scripts): Promise<void> {
  await Promise.all(Object.values(scripts).map(({ text }) => redis.script('LOAD', text)))
}

/**
 * Many calls in one round trip, answered in their order. A Redis that has forgotten the scripts is told them again, once.
 * Rejects when one of the calls fails; the others may be done.
 */
export async function runScripts(redis: Redis, calls: readonly Call[]): Promise<readonly Answer[]> {
  const first = await pipelined(redis, calls)
  const refused = calls.filter((_, i) => isForgotten(first[i]))
  if (refused.length === 0) return first.map(answerOf)
  await Promise.all([...new Set(refused.map(({ script }) => script.text))].map((text) => redis.script('LOAD', text)))
  const second = (await pipelined(redis, refused))[Symbol.iterator]()
  return first.map((outcome) => answerOf(isForgotten(outcome) ? second.next().value : outcome))
}

type Outcome = [error: Error | null, answer?: unknown]

async function pipelined(redis: Redis, calls: readonly Call[]): Promise<readonly Outcome[]> {
  const pipeline = redis.pipeline()
  for (const { script, keys, args } of calls) {
    pipeline.callBuffer('EVALSHA', script.sha, keys.length, ...keys, ...args.map(asArgument))
  }
  const outcomes = await pipeline.exec()
  if (outcomes === null) throw new Error('Connection is closed.')
  return outcomes
}

function answerOf(outcome: Outcome | undefined): Answer {
  const [error, answer] = outcome ?? [new Error('Connection is closed.')]
  if (error !== null) throw error
  // Our own scripts answer nothing else.
  return answer as Answer
}

const isForgotten = (outcome: Outcome | undefined) => outcome?.[0]?.message.startsWith('NOSCRIPT') === true
const asArgument = (argument: Argument): string | Buffer =>
  argument instanceof Uint8Array
    ? Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
    : `${argument}`

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
  owners: read('owners'),
}

function read(name: string): string {
  return readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8')
}
