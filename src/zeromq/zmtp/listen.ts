import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { lstatSync, rmSync } from 'node:fs'
import { connect, type Server, type TcpNetConnectOpts } from 'node:net'
import { networkInterfaces } from 'node:os'
import { cannotListen } from '../bind.ts'
import { targetOf } from './target.ts'

const IPV4 = 4
const FAMILIES = { 4: 'IPv4', 6: 'IPv6' } as const

/** @throws StartError names the key of the configuration and the address that cannot be had */
export async function listen(server: Server, address: string, key: string): Promise<void> {
  try {
    const target = targetOf(address)
    if ('path' in target) await makeWay(target.path)
    server.listen('path' in target ? target : { port: target.port, host: await interfaceOf(target) })
    await once(server, 'listening')
  } catch (cause) {
    throw cannotListen(address, key, cause)
  }
}

/** The host may be the name of an interface, or `*`; else it is looked up. */
async function interfaceOf({ host = '*', family }: TcpNetConnectOpts): Promise<string> {
  const version = family === 6 ? 6 : IPV4
  if (host === '*') return '0.0.0.0'
  const own = networkInterfaces()[host]?.find((each) => each.family === FAMILIES[version])
  return own?.address ?? (await lookup(host, { family: version })).address
}

/** Takes away the socket that a program left behind when it was killed; nothing else. */
async function makeWay(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true || (await answers(path))) return
  rmSync(path, { force: true })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
}
