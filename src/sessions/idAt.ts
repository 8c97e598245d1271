import { entryAt, type PyDict, type PyValue, pyText } from './pyValue.ts'

/** What stands at the end of a way through a session's dictionaries, when it can be a user id. */
export function idAt(session: PyDict, path: readonly string[]): string | bigint | undefined {
  const value = valueAt(session, path)
  if (value?.t === 'str' || value?.t === 'int') return value.v
  return value?.t === 'str8' || value?.t === 'bytes' ? pyText(value.v) : undefined
}

export function valueAt(session: PyDict, path: readonly string[]): PyValue | undefined {
  let value: PyValue | undefined = session
  for (const step of path) value = value?.t === 'dict' ? entryAt(value, step) : undefined
  return value
}
