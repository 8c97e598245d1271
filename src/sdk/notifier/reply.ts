/** What came over a wire as JSON; undefined: it is none. */
export function parseJson(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(bytes ?? []).toString('utf8'))
  } catch {
    return undefined
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** It stands in our error messages: no line breaks, no flood. */
export const printable = (text: string) => text.replace(/\p{Cc}/gu, ' ').slice(0, 300)
