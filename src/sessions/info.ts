import type { User, UserInfo } from '../core/session.ts'
import { valueAt } from './idAt.ts'
import { type PyDict, type PyValue, pyText } from './pyValue.ts'

/** What of a session may reach the browser: a name, and the way to the value. */
export type InfoPaths = Readonly<Record<string, readonly string[]>>

const MAX_TEXT_LENGTH = 200

/** What the configuration lists of a session; without `info` when nothing of it is there. */
export function infoFrom(session: PyDict, paths: InfoPaths | undefined): Pick<User, 'info'> {
  return infoOf(paths, (path) => plain(valueAt(session, path)))
}

/** The same, wherever the values come from. Only text, numbers and booleans go out; all else is left out. */
export function infoOf(paths: InfoPaths | undefined, at: (path: readonly string[]) => unknown): Pick<User, 'info'> {
  const entries = Object.entries(paths ?? {}).flatMap(([name, path]) => {
    const value = shown(at(path))
    return value === undefined ? [] : [[name, value] as const]
  })
  // fromEntries sets own properties, whatever they are called.
  return entries.length === 0 ? {} : { info: Object.fromEntries(entries) }
}

function shown(value: unknown): UserInfo[string] | undefined {
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  // Beyond 2^53 only text is exact.
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : shown(`${value}`)
  return typeof value === 'string' && value.length <= MAX_TEXT_LENGTH ? value : undefined
}

/** Bytes stay here, but Python 2's `str` was meant as text. */
function plain(value: PyValue | undefined): unknown {
  switch (value?.t) {
    case 'str':
    case 'int':
    case 'float':
    case 'bool':
      return value.v
    case 'str8':
      return pyText(value.v)
    default:
      return undefined
  }
}
