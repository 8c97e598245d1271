import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { addressOf } from '../../../src/socketio/handshake.ts'

const request = (forwarded?: string) => {
  const message = new IncomingMessage(new Socket())
  if (forwarded !== undefined) message.headers['x-forwarded-for'] = forwarded
  return message
}

describe('the address of a browser', () => {
  test('is its peer’s, whatever the request claims, when there is no proxy to trust', () => {
    expect(addressOf(request('6.6.6.6'), '10.0.0.1', false)).toBe('10.0.0.1')
  })

  test('is what our own proxy wrote last, not what the client put before it', () => {
    expect(addressOf(request('6.6.6.6, 203.0.113.7'), '10.0.0.1', true)).toBe('203.0.113.7')
  })

  test.each([undefined, '', ' , '])('is its peer’s when the proxy wrote none (%p)', (forwarded) => {
    expect(addressOf(request(forwarded), '10.0.0.1', true)).toBe('10.0.0.1')
  })

  test('is written as IPv4 where it is one, also on a socket that listens on both', () => {
    expect(addressOf(request(), '::ffff:192.0.2.9', false)).toBe('192.0.2.9')
    expect(addressOf(request(), '2001:db8::1', false)).toBe('2001:db8::1')
  })

  test('is empty when nobody knows it any more', () => {
    expect(addressOf(request(), undefined, false)).toBe('')
  })
})
