import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { StartError } from '../core/errors.ts'

export interface PortsOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** PEM files; null: plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | null
  /** `host:port` of the port for who runs the gateway; null: there is none. */
  readonly internal: string | null
  /** Exact origins of pages that may connect; null: our own. */
  readonly origins: readonly string[] | null
}

/** The ports that are listened on. */
export interface Ports {
  readonly server: HttpServer
  readonly url: string
  readonly origins: readonly string[]
  /** To be called in the tick in which the ports are open: until then nobody answers. */
  serve(app: RequestListener, internalApp: RequestListener): void
  close(): Promise<void>
}

const LIMITS = { headersTimeout: 10_000, requestTimeout: 15_000 }
const LAST_REQUESTS_MS = 500
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/

/** @throws StartError names the key that cannot be had */
export async function openPorts({ host, port, tls, internal, origins }: PortsOptions): Promise<Ports> {
  const server =
    tls === null
      ? createHttpServer(LIMITS)
      : createHttpsServer({ ...LIMITS, cert: pem(tls.cert, 'cert'), key: pem(tls.key, 'key') })
  await listen(server, host, port, 'http.port')
  const inside = internal === null ? undefined : createHttpServer(LIMITS)
  try {
    const cut = internal?.lastIndexOf(':') ?? 0
    if (inside !== undefined && internal !== null)
      await listen(inside, internal.slice(0, cut), Number(internal.slice(cut + 1)), 'http.internal')
  } catch (error) {
    await stopListening(server)
    throw error
  }
  const taken = (server.address() as AddressInfo).port
  const scheme = tls === null ? 'http' : 'https'
  return {
    server,
    url: `${scheme}://${nameOf(host)}:${taken}`,
    origins: origins ?? ownNames(host).map((name) => `${scheme}://${name}:${taken}`),
    serve(app, internalApp) {
      server.on('request', app)
      inside?.on('request', internalApp)
    },
    async close() {
      await Promise.all([stopListening(server), inside === undefined ? undefined : stopListening(inside)])
    },
  }
}

async function listen(server: HttpServer, host: string, port: number, key: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    if (code === 'EADDRINUSE') throw new StartError(`${key}: port ${port} on ${host} is taken by another program.`)
    throw new StartError(`${key}: cannot listen at ${host} port ${port} (${code}).`)
  }
}

/** Takes in nothing new, lets requests that are under way end, and cuts what is left after a moment. */
async function stopListening(server: HttpServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const impatience = setTimeout(() => server.closeAllConnections(), LAST_REQUESTS_MS)
  await closed
  clearTimeout(impatience)
}

const nameOf = (host: string) =>
  host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
/** Whoever is on this machine may call the gateway localhost too. */
const ownNames = (host: string) => [
  ...new Set(LOOPBACK.test(host) ? [nameOf(host), 'localhost', '127.0.0.1'] : [nameOf(host)]),
]

function pem(file: string, key: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new StartError(
      `http.tls.${key}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`,
    )
  }
}
