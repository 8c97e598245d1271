import { DEV_CONFIG, loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'

/** What every command that reads a configuration takes. */
export const CONFIG_OPTION = { config: { type: 'string' } } as const

/** The configuration that a gateway runs with. @throws ConfigError */
export function configFor(file: string | undefined): Config {
  return loadConfig({ file, env: process.env })
}

/** Without a file, that of `heraldo dev`: what somebody who tries things out is running. @throws ConfigError */
export function configOrDev(file: string | undefined): Config {
  return configFor(file ?? process.env['HERALDO_CONFIG'] ?? DEV_CONFIG)
}
