import type { Context } from 'zeromq'
import { Request } from 'zeromq'
import { isIpv6 } from './options.ts'
import { isRecord, parseJson, printable } from './reply.ts'

const MAX_REPLY_BYTES = 1_048_576

/**
 * One question to a registry, on a socket of its own: a lost answer can block nothing that comes after it (a REQ
 * socket that missed one waits for ever).
 * @throws Error with a sentence that says what was wrong with the registry
 */
export async function askRegistry(
  context: Context,
  registry: string,
  question: Readonly<Record<string, unknown>>,
  timeoutMs: number,
): Promise<readonly string[]> {
  const socket = new Request({
    context,
    ipv6: isIpv6(registry),
    linger: 0,
    sendTimeout: timeoutMs,
    receiveTimeout: timeoutMs,
    maxMessageSize: MAX_REPLY_BYTES,
  })
  try {
    socket.connect(registry)
    await socket.send(JSON.stringify(question))
    const [reply] = await socket.receive()
    return readReply(registry, reply)
  } catch (cause) {
    if (isTimeout(cause)) throw new Error(`The registry at ${registry} did not answer within ${timeoutMs} ms.`)
    throw cause
  } finally {
    socket.close()
  }
}

/** A registry answers with the list of addresses, or with an error. Everything else is nonsense. */
function readReply(registry: string, reply: Uint8Array | undefined): readonly string[] {
  const answer = parseJson(reply)
  if (Array.isArray(answer) && answer.every((entry): entry is string => typeof entry === 'string')) return answer
  const refusal = errorMessage(answer)
  throw new Error(
    refusal === undefined
      ? `What answers at ${registry} is no registry.`
      : `The registry at ${registry} refused: ${refusal}`,
  )
}

function errorMessage(answer: unknown): string | undefined {
  if (!isRecord(answer) || !isRecord(answer['error'])) return undefined
  const { code, message } = answer['error']
  return printable(`${String(message)} (${String(code)})`)
}

const isTimeout = (thrown: unknown) => isRecord(thrown) && thrown['code'] === 'EAGAIN'
