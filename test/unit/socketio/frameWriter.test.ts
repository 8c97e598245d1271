import fc from 'fast-check'
import { checkJson } from '../../../src/core/rawJson.ts'
import { type Frame, frameWriter } from '../../../src/socketio/frameWriter.ts'
import { fuzz } from '../../support/fuzz.ts'
import { notificationOf } from '../../support/socketioServer.ts'

const write = frameWriter('notification')
const bytesOf = (frame: Frame) => frame.bytes

describe('a notification as a WebSocket frame', () => {
  test('is Engine.IO’s message with Socket.IO’s event, the body as it came and the meta data', () => {
    const frame = write(
      notificationOf('user:42', 'o-17', ' {"a": 1e2 }\n', { type: 'order', expiresAt: 5, collapse: 'c' }),
    )
    const payload =
      '42["notification", {"a": 1e2 }\n,{"id":"o-17","type":"order","at":1763750000000,"expiresAt":5,"collapse":"c"}]'
    expect([...bytesOf(frame).subarray(0, 2)]).toEqual([0x81, payload.length])
    expect(bytesOf(frame).subarray(2).toString()).toBe(payload)
  })

  test('names the event that was configured, quoted where it must be', () => {
    expect(frameWriter('say "hi"')(notificationOf('user:42', 'n', '1')).text).toMatch(/^2\["say \\"hi\\"",1,/)
  })

  test('leaves out what the notification does not have', () => {
    expect(write(notificationOf('user:42', 'n', '1')).text).toBe(
      '2["notification",1,{"id":"n","type":"notification","at":1763750000000}]',
    )
  })

  test('is packed once for all recipients of one draft, and anew for anything else', () => {
    const first = notificationOf('user:42', 'n', '"hi"', { expiresAt: 5, collapse: 'c' })
    const frame = write(first)
    expect(write({ ...first, to: 'user:43' })).toBe(frame)
    for (const other of [
      { ...first, id: 'm' },
      { ...first, type: 'order' },
      { ...first, at: 0 },
      { ...first, expiresAt: undefined },
      { ...first, collapse: 'd' },
      notificationOf('user:42', 'n', '"ho"', { expiresAt: 5, collapse: 'c' }),
    ]) {
      expect(bytesOf(write(first)).equals(bytesOf(write(other)))).toBe(false)
      expect(bytesOf(write(first)).equals(bytesOf(frame))).toBe(true)
    }
  })

  test.each([125, 126, 65_535, 65_536, 65_537])('has the header that RFC 6455 wants for %i bytes', (payload) => {
    const overhead = bytesOf(write(notificationOf('user:42', 'n', '""'))).length - 2 - 2
    const bytes = bytesOf(write(notificationOf('user:42', 'n', `"${'x'.repeat(payload - overhead - 2)}"`)))
    const { length, at } = readHeader(bytes)
    expect([length, bytes.length - at]).toEqual([payload, payload])
  })

  test('carries any JSON byte for byte, and the same in its form as text (fuzz)', () => {
    fuzz(
      fc.property(fc.json({ stringUnit: 'binary' }), fc.string({ unit: 'binary' }), (body, id) => {
        const raw = Buffer.from(body)
        if (raw.toString() !== body) return // lone surrogates have no UTF-8
        const frame = write({ ...notificationOf('user:42', id, 'null'), body: checkJson(raw, 1_000_000) })
        const bytes = bytesOf(frame)
        const { length, at } = readHeader(bytes)
        expect(length).toBe(bytes.length - at)
        const payload = bytes.subarray(at).toString()
        expect(payload).toBe(`4${frame.text}`)
        expect(payload.startsWith(`42["notification",${body},{"id":`)).toBe(true)
        expect(JSON.parse(frame.text.slice(1))[2].id).toBe(id)
      }),
    )
  })
})

function readHeader(bytes: Buffer): { length: number; at: number } {
  expect(bytes[0]).toBe(0x81)
  const short = bytes.readUInt8(1)
  if (short < 126) return { length: short, at: 2 }
  return short === 126 ? { length: bytes.readUInt16BE(2), at: 4 } : { length: Number(bytes.readBigUInt64BE(2)), at: 10 }
}
