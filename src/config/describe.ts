import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { configSchema } from './schema.ts'

interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

/** An environment variable that sets a key. `isText`: its value is taken as it stands, not as JSON. */
interface Variable {
  readonly path: readonly string[]
  readonly isText: boolean
}

/** The schema of a configuration file, for editors: `config/gateway.schema.json`. */
export function jsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema({}), { io: 'input', unrepresentable: 'any' }) as JsonSchema
}

/** Every environment variable that sets a configuration key, by its name. */
export function variables(): Map<string, Variable> {
  return new Map(keys().map(({ path, schema }) => [variableName(path), { path, isText: isText(schema) }]))
}

/** The reference of every key as a Markdown page. */
export function reference(): string {
  const defaults: unknown = JSON.parse(readFileSync(new URL('../../config/default.json', import.meta.url), 'utf8'))
  const rows = keys()
    .filter(({ schema }) => properties(schema) === undefined)
    .map(({ path, schema }) =>
      row([
        `\`${path.join('.')}\``,
        `\`${variableName(path)}\``,
        typeName(schema),
        asCode(valueAt(defaults, path)),
        schema.description ?? '',
      ]),
    )
  const resolvers = (jsonSchema().properties?.['sessions']?.items?.oneOf ?? []).map(describeResolver)
  return [
    '# Configuration',
    '',
    'Printed by `heraldo config-reference`. A file (`--config FILE` or `HERALDO_CONFIG`) goes over the defaults, environment variables go',
    'over the file; objects are merged, lists replaced. Unknown keys are an error. Lists and objects in variables are JSON.',
    'A secret may be written as `{ "env": "NAME" }` or `{ "file": "PATH" }`.',
    '',
    ...table(['key', 'variable', 'type', 'default', 'meaning'], rows),
    '',
    '## Session resolvers',
    '',
    'Each entry of `sessions` names its kind in `use`.',
    ...resolvers.flat(),
    '',
  ].join('\n')
}

function describeResolver(schema: JsonSchema): string[] {
  const { use, ...rest } = schema.properties ?? {}
  const rows = Object.entries(rest).map(([key, child]) =>
    row([`\`${key}\``, typeName(child), asCode(child.default), child.description ?? '']),
  )
  return [
    '',
    `### \`${String(use?.const)}\``,
    '',
    schema.description ?? '',
    '',
    ...table(['key', 'type', 'default', 'meaning'], rows),
  ]
}

/** Every key of the configuration, groups before what is in them. */
function keys(
  schema: JsonSchema = jsonSchema(),
  path: readonly string[] = [],
): { path: readonly string[]; schema: JsonSchema }[] {
  return Object.entries(properties(schema) ?? {}).flatMap(([key, child]) => {
    const here = [...path, key]
    return [{ path: here, schema: child }, ...keys(child, here)]
  })
}

/** A group's keys, also of one that may be null. */
function properties(schema: JsonSchema): Readonly<Record<string, JsonSchema>> | undefined {
  return (
    schema.properties ??
    (schema.anyOf?.length === 2
      ? schema.anyOf.find(({ properties }) => properties !== undefined && !isSecret(schema))?.properties
      : undefined)
  )
}

const isSecret = (schema: JsonSchema) =>
  schema.anyOf?.some(({ properties }) => properties?.['env'] !== undefined) === true

function isText(schema: JsonSchema): boolean {
  return (
    schema.type === 'string' ||
    (isSecret(schema) && schema.type === undefined) ||
    schema.anyOf?.some(({ type }) => type === 'string') === true
  )
}

function typeName(schema: JsonSchema): string {
  if (isSecret(schema)) return 'secret'
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' \\| ')
  const branches = schema.anyOf ?? schema.oneOf
  if (branches !== undefined) return branches.map(typeName).join(' \\| ')
  if (schema.type === 'array') return `list of ${schema.items === undefined ? 'anything' : typeName(schema.items)}`
  return schema.type ?? 'anything'
}

const variableName = (path: readonly string[]) =>
  `HERALDO_${path.map((key) => key.replace(/[A-Z]/g, '_$&').toUpperCase()).join('_')}`
const valueAt = (value: unknown, path: readonly string[]) =>
  path.reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], value)
const asCode = (value: unknown) => (value === undefined ? '' : `\`${JSON.stringify(value)}\``)
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly string[]) => [row(head), row(head.map(() => '---')), ...rows]
