import type { KeyValueStorage } from '../../client/index.ts'

/** What a browser's storage does, in memory; the test may look at it. */
export function tabStorage(): KeyValueStorage & { readonly texts: Map<string, string> } {
  const texts = new Map<string, string>()
  return {
    texts,
    getItem: (key) => texts.get(key) ?? null,
    setItem: (key, value) => void texts.set(key, value),
  }
}
