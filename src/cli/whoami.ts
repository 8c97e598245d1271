import { asGatewayError } from '../core/errors.ts'
import { whoIs } from '../server.ts'
import { CONFIG_OPTION, configOrDev } from './configFile.ts'
import { parseWords, wholeNumber } from './words.ts'

/** "Why is this cookie refused?": the gateway's own resolvers judge it, and here the reason is told. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseWords(args, [], {
    ...CONFIG_OPTION,
    cookie: { type: 'string' },
    token: { type: 'string' },
    'remote-addr': { type: 'string' },
    at: { type: 'string' },
  })
  const at = values.at === undefined ? Date.now() : wholeNumber('at', values.at, 0) * 1000
  const handshake = {
    cookie: values.cookie,
    authorization: undefined,
    token: values.token,
    remoteAddress: values['remote-addr'] ?? '127.0.0.1',
    at,
  }
  try {
    const { user, via, expiresAt } = await whoIs(configOrDev(values.config), handshake)
    console.log(JSON.stringify({ ok: true, user, via, expiresAt }))
    return 0
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'ConfigError') throw thrown
    const { code, reason } = asGatewayError(thrown)
    console.log(JSON.stringify({ ok: false, error: { code, reason } }))
    return 1
  }
}
