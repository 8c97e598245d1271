import { GatewayError } from '../core/errors.ts'
import { overLimit } from './refusals.ts'

interface Answer {
  readonly status: number
  /** Of a 200 only. */
  readonly body: Uint8Array<ArrayBuffer>
}

const MAX_ANSWER_BYTES = 65_536

/**
 * The answer at an address. A redirect is one, never followed: the credentials in the headers are for this address alone.
 * @throws GatewayError `store.unavailable` when there is none, `session.invalid` when it is too large
 */
export async function ask(url: string, headers: Headers, signal: AbortSignal): Promise<Answer> {
  try {
    const response = await fetch(url, { headers, redirect: 'manual', signal })
    if (response.status === 200) return { status: 200, body: await bodyOf(response) }
    await response.body?.cancel()
    return { status: response.status, body: Buffer.alloc(0) }
  } catch (error) {
    if (error instanceof GatewayError) throw error
    throw unavailable(reasonOf(error))
  }
}

export const unavailable = (cause: string): GatewayError => new GatewayError('store.unavailable', { cause })

/** Counted while it is read, so that a large answer costs no memory and is not waited for. */
async function bodyOf({ body }: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw overLimit(`an answer over ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** fetch says only that it failed; why stands in its cause, and for several addresses only in a code. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'nobody could be asked'
  if ('cause' in error && error.cause !== undefined) return reasonOf(error.cause)
  if ('message' in error && error.message !== '') return String(error.message)
  return 'code' in error ? String(error.code) : 'nobody could be asked'
}
