import { parseCommand, parseError, parseReady, ping, pong, ready } from '../../../src/zeromq/zmtp/commands.ts'
import { encodeCommand, propertiesOf, property } from '../../support/rawZmtp.ts'

test('a command is a name and data', () => {
  expect(parseCommand(Buffer.from('\u0004PINGdata'))).toEqual({ name: 'PING', data: Buffer.from('data') })
  expect(parseCommand(Buffer.from('\u0009SUBSCRIBE'))).toEqual({ name: 'SUBSCRIBE', data: Buffer.alloc(0) })
})

test.each([
  ['is empty', ''],
  ['has a name of no bytes', '\0PING'],
  ['is cut off in its name', '\u0005PING'],
])('a command that %s is none', (_, body) => {
  expect(() => parseCommand(Buffer.from(body))).toThrow('a command has no name')
})

test('what we say of ourselves stands in READY as the specification has it', () => {
  expect(ready('SUB')).toEqual(encodeCommand('READY', propertiesOf('SUB')))
})

test('READY tells type and identity, whatever else it tells, in any order and any case', () => {
  const noise = property('X-Colour', 'red')
  const words = [property('IDENTITY', 'me'), noise, property('socket-type', 'XPUB'), property('Empty', '')]
  for (const properties of [words, words.toReversed()])
    expect(parseReady(Buffer.concat(properties))).toEqual({ socketType: 'XPUB', identity: Buffer.from('me') })
  expect(parseReady(Buffer.alloc(0))).toEqual({ socketType: '', identity: Buffer.alloc(0) })
})

test('the identity does not keep the bytes that it came with', () => {
  const chunk = Buffer.concat([propertiesOf('DEALER', 'me'), Buffer.alloc(60_000)])
  expect(parseReady(chunk.subarray(0, propertiesOf('DEALER', 'me').length)).identity.buffer).not.toBe(chunk.buffer)
})

test('READY that is cut off anywhere is refused, except between two properties', () => {
  const whole = propertiesOf('PUB', 'me')
  const between = [0, property('Socket-Type', 'PUB').length, whole.length]
  for (let end = 0; end <= whole.length; end++) {
    const parse = () => parseReady(whole.subarray(0, end))
    if (between.includes(end)) parse()
    else expect(parse).toThrow('its READY is cut off')
  }
})

test.each([
  ['255 bytes may be', 255, undefined],
  ['256 bytes may not', 256, 'its identity is longer than may be'],
])('an identity: %s', (_, length, error) => {
  const parse = () => parseReady(propertiesOf('DEALER', 'x'.repeat(length)))
  if (error === undefined) expect(parse().identity).toHaveLength(length)
  else expect(parse).toThrow(error)
})

test('a value that claims 4 GiB is refused before anything is made for it', () => {
  expect(() => parseReady(Buffer.from('\u0004Name\xff\xff\xff\xffx', 'latin1'))).toThrow('its READY is cut off')
})

test('PING carries its time to live in tenths of a second, PONG what PING brought, 16 bytes at most', () => {
  expect(ping(6_000)).toEqual(encodeCommand('PING', '\0\u003c'))
  expect(pong(Buffer.from('\0\u003ccontext'))).toEqual(encodeCommand('PONG', 'context'))
  expect(pong(Buffer.from(`\0\u003c${'x'.repeat(17)}`))).toEqual(encodeCommand('PONG', 'x'.repeat(16)))
  expect(pong(Buffer.alloc(0))).toEqual(encodeCommand('PONG'))
})

test.each([
  ['is read', '\u0007Go away', 'Go away'],
  ['that says nothing', '', 'no reason given'],
  ['that is empty', '\0', 'no reason given'],
  ['that is cut off', '\u00ffGo', 'Go'],
  ['cannot write into the log what it wants', '\u0006a\r\n\u001b[31m', 'a???[3'],
])('an ERROR %s', (_, data, reason) => {
  expect(parseError(Buffer.from(data, 'latin1'))).toBe(reason)
})
