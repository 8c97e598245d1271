import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { GatewayError, StartError } from '../core/errors.ts'
import { refuseBare } from './replies.ts'

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
  /** Until this is called whoever comes is asked to come again. */
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
      ? createHttpServer(LIMITS, notYet)
      : createHttpsServer({ ...LIMITS, cert: pem(tls.cert, 'cert'), key: pem(tls.key, 'key') }, notYet)
  const inside = internal === null ? undefined : await openInternal(internal)
  try {
    await listen(server, host, port, 'http.port')
  } catch (error) {
    if (inside !== undefined) await stopListening(inside)
    throw error
  }
  const taken = (server.address() as AddressInfo).port
  const scheme = tls === null ? 'http' : 'https'
  return {
    server,
    url: `${scheme}://${nameOf(host)}:${taken}`,
    origins: origins ?? ownNames(host).map((name) => `${scheme}://${name}:${taken}`),
    serve(app, internalApp) {
      server.off('request', notYet).on('request', app)
      inside?.off('request', notYet).on('request', internalApp)
    },
    async close() {
      await Promise.all([stopListening(server), inside === undefined ? undefined : stopListening(inside)])
    },
  }
}

const notYet: RequestListener = (_request, response) => refuseBare(response, new GatewayError('api.unready'))

async function openInternal(address: string): Promise<HttpServer> {
  const server = createHttpServer(LIMITS, notYet)
  const cut = address.lastIndexOf(':')
  const host = address.slice(0, cut).replace(/^\[(.*)\]$/, '$1')
  await listen(server, host, Number(address.slice(cut + 1)), 'http.internal')
  return server
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
