import { type ParseArgsConfig, parseArgs } from 'node:util'

/** Wrong words: one line, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** It was asked correctly and did not work out: one line, exit 1. */
export class Failure extends Error {
  override readonly name = 'Failure'
}

type Options = NonNullable<ParseArgsConfig['options']>
/** By option; and the positional ones in order. */
type Words<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true; strict: true }>>

/**
 * The words after a command's name. `names` are its positional ones; those in brackets may be left out. @throws
 * UsageError
 */
export function parseWords<const O extends Options>(
  args: readonly string[],
  names: readonly string[],
  options: O,
): Words<O> {
  const parsed = parse(args, options)
  const missing = names.slice(parsed.positionals.length).find((name) => !name.startsWith('['))
  if (missing !== undefined) throw new UsageError(`${missing} is missing`)
  const surplus = parsed.positionals[names.length]
  if (surplus !== undefined) throw new UsageError(`one word too many: ${JSON.stringify(surplus)}`)
  return parsed
}

/** A whole number in an option. @throws UsageError */
export function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
  throw new UsageError(`--${option}: got ${JSON.stringify(text)}, expected a whole number from ${least}`)
}

function parse<const O extends Options>(args: readonly string[], options: O): Words<O> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    // Node's message may go on with advice for programmers.
    const message = error instanceof Error ? error.message : String(error)
    throw new UsageError(message.split(/\. |\n/)[0]?.replace(/\.$/, '') ?? message)
  }
}
