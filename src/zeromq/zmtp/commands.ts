import { commandOf } from './frames.ts'
import { ZmtpError } from './zmtpError.ts'

/** What a peer says of itself when the mechanism is NULL (RFC 37, "READY"). */
export interface Ready {
  readonly socketType: string
  /** Empty: it has none. */
  readonly identity: Buffer
}

export interface Command {
  readonly name: string
  readonly data: Buffer
}

const MAX_IDENTITY_BYTES = 255
const MAX_PING_CONTEXT = 16
const TTL_BYTES = 2
const NOTHING = Buffer.alloc(0)

/** @throws ZmtpError */
export function parseCommand(body: Buffer): Command {
  const length = body[0]
  if (length === undefined || length === 0 || length >= body.length) throw new ZmtpError('a command has no name')
  return { name: body.toString('latin1', 1, 1 + length), data: body.subarray(1 + length) }
}

export const ready = (socketType: string): Buffer =>
  commandOf('READY', Buffer.concat([property('Socket-Type', socketType), property('Identity', '')]))

/** @throws ZmtpError */
export function parseReady(data: Buffer): Ready {
  let socketType = ''
  let identity: Buffer = NOTHING
  for (let at = 0; at < data.length; ) {
    const nameEnd = at + 1 + (data[at] as number)
    if (nameEnd + 4 > data.length) throw new ZmtpError('its READY is cut off')
    const name = data.toString('latin1', at + 1, nameEnd).toLowerCase()
    const valueEnd = nameEnd + 4 + data.readUInt32BE(nameEnd)
    if (valueEnd > data.length) throw new ZmtpError('its READY is cut off')
    const value = data.subarray(nameEnd + 4, valueEnd)
    if (name === 'socket-type') socketType = value.toString('latin1')
    if (name === 'identity') identity = value
    at = valueEnd
  }
  if (identity.length > MAX_IDENTITY_BYTES) throw new ZmtpError('its identity is longer than may be')
  return { socketType, identity: Buffer.from(identity) }
}

/** It is to hear from us again within this time, or to hang up. */
export function ping(ttlMs: number): Buffer {
  const data = Buffer.alloc(TTL_BYTES)
  data.writeUInt16BE(Math.ceil(ttlMs / 100))
  return commandOf('PING', data)
}

/** The answer to a PING with this data. */
export const pong = (data: Buffer): Buffer => commandOf('PONG', data.subarray(TTL_BYTES, TTL_BYTES + MAX_PING_CONTEXT))

export const errorCommand = (reason: string): Buffer =>
  commandOf('ERROR', Buffer.concat([Buffer.from([reason.length]), Buffer.from(reason, 'latin1')]))

/** The reason in an ERROR, fit for a log. */
export const parseError = (data: Buffer): string =>
  data.toString('latin1', 1, 1 + (data[0] ?? 0)).replace(/[^ -~]/g, '?') || 'no reason given'

function property(name: string, value: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(value.length)
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1'), length, Buffer.from(value, 'latin1')])
}
