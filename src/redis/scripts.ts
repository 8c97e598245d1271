import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

export interface Script {
  readonly text: string
  /** By this Redis knows it. */
  readonly sha: string
}

export type Argument = string | number | Uint8Array

/** One call of a script. */
export interface Call {
  readonly script: Script
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
}

/** Each of them is made of files in scripts/, in this order. */
export const scripts = {
  keep: script('inbox', 'keep'),
  open: script('inbox', 'items', 'open'),
  list: script('inbox', 'items', 'list'),
  mark: script('inbox', 'mark'),
  renew: script('inbox', 'renew'),
  lives: script('inbox', 'lives'),
  sent: script('sent'),
  owners: script('owners'),
}

/** So that no call of theirs is refused, unless somebody flushes them. */
export async function loadScripts(redis: Redis): Promise<void> {
  await Promise.all(Object.values(scripts).map(({ text }) => redis.script('LOAD', text)))
}

export type Bytes = Buffer | number | null

/** One call that is answered with a list, in bytes. A Redis that has forgotten the script is told it again. */
export async function readScript(redis: Redis, { script: { sha }, keys, args }: Call): Promise<readonly Bytes[]> {
  const run = () => redis.callBuffer('EVALSHA', sha, keys.length, ...keys, ...args.map(asArgument))
  const answer = await run().catch(async (error: unknown) => {
    if (!isForgotten(error)) throw error
    await loadScripts(redis)
    return run()
  })
  // Our own scripts return a flat list.
  return answer as Bytes[]
}

/** Many calls in one round trip, in order, answered in texts. Rejects when one of them fails; the others may be done. */
export async function runScripts(redis: Redis, calls: readonly Call[]): Promise<readonly unknown[]> {
  const first = await pipelined(redis, calls)
  const forgotten = first.flatMap(([error], i) => (isForgotten(error) ? [i] : []))
  if (forgotten.length === 0) return first.map(resultOf)
  await loadScripts(redis)
  const second = await pipelined(
    redis,
    calls.filter((_, i) => isForgotten(first[i]?.[0])),
  )
  return first.map((answer, i) => resultOf(isForgotten(answer[0]) ? second[forgotten.indexOf(i)] : answer))
}

type Answer = [error: Error | null, value?: unknown]

async function pipelined(redis: Redis, calls: readonly Call[]): Promise<readonly Answer[]> {
  const pipeline = redis.pipeline()
  for (const {
    script: { sha },
    keys,
    args,
  } of calls) {
    pipeline.evalsha(sha, keys.length, ...keys, ...args.map(asArgument))
  }
  const answers = await pipeline.exec()
  if (answers === null) throw new Error('the pipeline was given up')
  return answers
}

function resultOf(answer: Answer | undefined): unknown {
  const [error, value] = answer ?? [new Error('no answer')]
  if (error !== null) throw error
  return value
}

const isForgotten = (error: unknown) => error instanceof Error && error.message.startsWith('NOSCRIPT')
const asArgument = (argument: Argument): string | Buffer =>
  argument instanceof Uint8Array
    ? Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
    : `${argument}`

function script(...names: readonly string[]): Script {
  const text = names.map((name) => readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8')).join('\n')
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
