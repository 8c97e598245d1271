import type { IpcNetConnectOpts, TcpNetConnectOpts } from 'node:net'

const TCP = /^tcp:\/\/(.+):(\d+)$/
const IPC = /^ipc:\/\/(.+)$/

/** A name without a file: before libuv 1.48 Node fills it up with zeros, and no other program has the same. */
export const isAbstract = (endpoint: string): boolean => endpoint.startsWith('ipc://@')

/** Where an endpoint of ZeroMQ leads, in Node's words. IPv6 only where it is written, as with libzmq. @throws Error */
export function targetOf(endpoint: string): IpcNetConnectOpts | TcpNetConnectOpts {
  const [, path] = IPC.exec(endpoint) ?? []
  if (path !== undefined) return { path }
  const [, host, port] = TCP.exec(endpoint) ?? []
  if (host === undefined) throw new Error(`${endpoint} is no endpoint`)
  const isIpv6 = host.startsWith('[')
  return { host: isIpv6 ? host.slice(1, -1) : host, port: Number(port), family: isIpv6 ? 6 : 4 }
}
