import { curveKeyPair } from 'zeromq'
import { parseWords } from './words.ts'

/** A pair for CURVE in Z85, as ZeroMQ writes keys: the public half is given away, the secret half is not. */
export async function run(args: readonly string[]): Promise<number> {
  parseWords(args, [], {})
  const { publicKey, secretKey } = curveKeyPair()
  console.log(JSON.stringify({ publicKey, secretKey }))
  return 0
}
