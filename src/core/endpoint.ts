const MAX_LENGTH = 256
/** A Unix socket's path fits into 108 bytes, or libzmq refuses to connect. */
const MAX_PATH_BYTES = 100
const TCP = /^tcp:\/\/(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?):([1-9][0-9]{0,4})$/
const IPC = /^ipc:\/\/([!-~]+)$/
/** `0`, `0.0.0.0`, `[::]`: addresses to bind to, and nobody's own. */
const ANY_HOST = /^(0+(\.0+)*|\[[0:.]*\])$/

/**
 * Is this an address that a gateway can connect to: `tcp://host:port` or `ipc://path`? libzmq takes much more without a
 * word (port 99999, wildcards, source addresses) and never tells what became of it.
 */
export function isEndpoint(address: unknown): address is string {
  if (typeof address !== 'string' || address.length > MAX_LENGTH) return false
  const [, host, port] = TCP.exec(address) ?? []
  if (host !== undefined) return Number(port) <= 65_535 && !ANY_HOST.test(host)
  const [, path] = IPC.exec(address) ?? []
  return path !== undefined && path !== '*' && path.length <= MAX_PATH_BYTES
}
