import type { IpcNetConnectOpts, TcpNetConnectOpts } from 'node:net'

const TCP = /^tcp:\/\/(.+):(\d+)$/
const IPC = /^ipc:\/\/(.+)$/

/** Where an endpoint of ZeroMQ leads, in Node's words. IPv6 only where it is written, as with libzmq. @throws Error */
export function targetOf(endpoint: string): IpcNetConnectOpts | TcpNetConnectOpts {
  const [, path] = IPC.exec(endpoint) ?? []
  // A name with @ is none of a file.
  if (path !== undefined) return { path: path.startsWith('@') ? `\0${path.slice(1)}` : path }
  const [, host, port] = TCP.exec(endpoint) ?? []
  if (host === undefined) throw new Error(`${endpoint} is no endpoint`)
  const isIpv6 = host.startsWith('[')
  return { host: isIpv6 ? host.slice(1, -1) : host, port: Number(port), family: isIpv6 ? 6 : 4 }
}
