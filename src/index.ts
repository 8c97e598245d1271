/** Heraldo inside a program of yours: load a configuration, start a gateway, hear its events. */
export { ConfigError, loadConfig } from './config/load.ts'
export type { Config } from './config/schema.ts'
export { GatewayError, StartError } from './core/errors.ts'
export type { Events, GatewayEvents } from './core/events.ts'
export { type RunningServer, type ServerOptions, startServer } from './server.ts'
