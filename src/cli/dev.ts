import type { Config } from '../config/schema.ts'
import { startClock } from '../dev/clock.ts'
import { isFromHere } from '../dev/isFromHere.ts'
import { demoFacts, demoPages } from '../dev/pages.ts'
import { printed } from '../dev/snippets.ts'
import { startServer } from '../server.ts'
import { CONFIG_OPTION, configOrDev } from './configFile.ts'
import { runUntilSignal } from './runUntilSignal.ts'
import { parseWords } from './words.ts'

const DEMO_USERS = ['42', '43']
/** Where pages under development usually come from. */
const PAGE_PORTS = [3000, 5173, 8000, 8080]

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseWords(args, [], CONFIG_OPTION)
  const config = forDevelopment(configOrDev(values.config))
  return runUntilSignal(config.shutdown.timeoutMs, async () => {
    const server = await startServer(config, { pages: demoPages(config), serveClient: true, admits: isFromHere })
    const clock = startClock(DEMO_USERS, config.zeromq.registry.rep, (how) =>
      console.error(`heraldo: the clock, our demo notifier, has ended (${how}); the gateway goes on without it`),
    )
    console.log(printed((await demoFacts(config, server.url)).snippets, server.url))
    return {
      events: server.events,
      stop: async () => {
        await Promise.all([clock.stop(), server.stop()])
      },
    }
  })
}

/** Who did not say which pages may connect gets those of this machine. A port still to be found has no origin yet. */
function forDevelopment(config: Config): Config {
  const { origins, port } = config.http
  if (origins !== null || port === 0) return config
  const here = [port, ...PAGE_PORTS].flatMap((each) => [`http://localhost:${each}`, `http://127.0.0.1:${each}`])
  return { ...config, http: { ...config.http, origins: here } }
}
