import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import { variables } from './describe.ts'
import { type Config, configSchema } from './schema.ts'
import type { Environment } from './secretSchema.ts'

/**
 * A configuration that cannot be used. The message is one line: where, which key, what was there, what was expected.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * Variables with our prefix that are no configuration: the file's place, and what notifiers and the command line read.
 */
const OTHER_VARIABLES = new Set(['HERALDO_CONFIG', 'HERALDO_URL', 'HERALDO_KEY', 'HERALDO_REGISTRY'])
const DEFAULTS = fileURLToPath(new URL('../../config/default.json', import.meta.url))
/** What `heraldo dev` adds to the defaults, and what the commands that talk to a gateway assume without a file. */
export const DEV_CONFIG = fileURLToPath(new URL('../../config/dev.json', import.meta.url))

/**
 * The defaults of config/default.json, under the file, under the environment. Objects are merged, lists replaced.
 * @throws ConfigError
 */
export function loadConfig(options: { readonly file?: string | undefined; readonly env: Environment }): Config {
  const file = options.file ?? options.env['HERALDO_CONFIG']
  const written = merge(readJson(DEFAULTS), file === undefined ? {} : readJson(file))
  const { values, names } = readEnvironment(options.env)
  const given = merge(written, values)
  const parsed = configSchema(options.env).safeParse(given)
  if (parsed.success) return parsed.data
  const [first, ...others] = parsed.error.issues.flatMap(innermost)
  if (first === undefined) throw new ConfigError('the configuration is not valid')
  const key = first.path.reduce<string>(join, '')
  const variable = [...names].filter(([prefix]) => key.startsWith(prefix)).sort(([a], [b]) => b.length - a.length)[0]
  const from = variable?.[1] ?? file ?? 'configuration'
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  throw new ConfigError(`${from}: ${key === '' ? 'the whole' : key}: ${describeIssue(first, given)}${more}`)
}

function readEnvironment(env: Environment): { values: Record<string, unknown>; names: Map<string, string> } {
  const known = variables()
  const values: Record<string, unknown> = {}
  const names = new Map<string, string>()
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('HERALDO_') || OTHER_VARIABLES.has(name) || text === undefined) continue
    const variable = known.get(name)
    if (variable === undefined)
      throw new ConfigError(`${name}: no such configuration key (see "heraldo config-reference")`)
    const key = variable.path.join('.')
    names.set(key, name)
    place(values, variable.path, variable.isText && text !== 'null' ? text : parseValue(name, text))
  }
  return { values, names }
}

/**
 * Numbers, booleans, null, lists and objects are JSON. What must be JSON and isn't gets the schema's own answer as
 * text.
 */
function parseValue(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    if (/^\s*[[{]/.test(text)) throw new ConfigError(`${name}: the value is not valid JSON`)
    return text
  }
}

function place(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path
  if (key === undefined) return
  if (rest.length === 0) {
    target[key] = value
    return
  }
  const child = isPlain(target[key]) ? target[key] : {}
  target[key] = child
  place(child, rest, value)
}

function readJson(file: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8').replace(/^\ufeff/, '')
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
  try {
    const value: unknown = JSON.parse(text)
    if (isPlain(value)) return value
  } catch {
    throw new ConfigError(`${file}: is not valid JSON${placeOfError(text)}`)
  }
  throw new ConfigError(`${file}: expected a JSON object at the top`)
}

/**
 * The parser's message quotes the file, secrets included: we say only that it failed, and for one common cause where.
 */
function placeOfError(text: string): string {
  const comma = text.search(/,\s*[}\]]/)
  return comma === -1 ? '' : ` (a comma too many in line ${text.slice(0, comma).split('\n').length}?)`
}

/** Nothing of the file can reach a prototype: keys are copied into objects that have none. */
function merge(below: Record<string, unknown>, above: Record<string, unknown>): Record<string, unknown> {
  const merged: Record<string, unknown> = Object.assign(Object.create(null), below)
  for (const [key, value] of Object.entries(above)) {
    const under = merged[key]
    merged[key] = isPlain(value) ? merge(isPlain(under) ? under : {}, value) : value
  }
  return merged
}

type Issue = z.core.$ZodIssue

/** Of a choice between shapes, the complaint helps that is ours, or that came furthest. */
function innermost(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const rank = ({ code, path }: Issue) => path.length + (code === 'custom' ? 1 : 0)
  const best = issue.errors.flat().sort((a, b) => rank(b) - rank(a))[0]
  if (best === undefined || rank(best) === 0) return [issue]
  return innermost({ ...best, path: [...issue.path, ...best.path] })
}

function describeIssue(issue: Issue, given: unknown): string {
  if (issue.code === 'unrecognized_keys')
    return `unknown key ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`
  const value = issue.path.reduce<unknown>(
    (at, key) => (isPlain(at) || Array.isArray(at) ? Reflect.get(at, key) : at),
    given,
  )
  const expected = issue.message.replace(WORDS_OF_ZOD, '').replace(/, received .*$/, '')
  return `got ${typeOf(value)}, expected ${expected}`
}

/** Its messages begin with a verdict; we want what was expected. */
const WORDS_OF_ZOD = /^(Invalid input: |Too small: |Too big: |Invalid discriminator value\. )*([Ee]xpected )?/

function typeOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

const join = (path: string, key: PropertyKey) =>
  typeof key === 'number' ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${String(key)}`
const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
