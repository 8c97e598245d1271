import { isUserId } from '../core/address.ts'
import { signToken } from '../dev/signToken.ts'
import { CONFIG_OPTION, configOrDev } from './configFile.ts'
import { parseWords, UsageError, wholeNumber } from './words.ts'

const DEFAULT_TTL_S = '900'

export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseWords(args, ['USER'], { ...CONFIG_OPTION, ttl: { type: 'string' } })
  const [user = ''] = positionals
  if (!isUserId(user)) throw new UsageError(`USER: got ${JSON.stringify(user)}, expected an id of 1 to 200 bytes`)
  const ttl = wholeNumber('ttl', values.ttl ?? DEFAULT_TTL_S, 1)
  const token = await signToken(configOrDev(values.config).sessions, user, ttl)
  if (token === null) throw new UsageError('sessions: got no "jwt" with a secret, expected one to sign for')
  console.log(token)
  return 0
}
