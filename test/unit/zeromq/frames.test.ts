import { GatewayError } from '../../../src/core/errors.ts'
import { decodeFrames, isHeartbeat } from '../../../src/zeromq/frames.ts'

const bytes = (text: string) => Buffer.from(text)
const codeOf = (...frames: readonly Buffer[]) => {
  try {
    decodeFrames(frames)
  } catch (error) {
    return error instanceof GatewayError ? error.code : `${error}`
  }
  return 'no error'
}

test('the short form is cut at the first bar', () => {
  const { to, header, body } = decodeFrames([bytes('42|{"a":"b|c"}')])
  expect({ to, header, body: `${body}` }).toEqual({ to: ['42'], header: undefined, body: '{"a":"b|c"}' })
})

test('the full form keeps header and body as they are', () => {
  const { to, header, body } = decodeFrames([bytes('#news|'), bytes('{"id":"1"}'), bytes('[1]')])
  expect({ to, header: `${header}`, body: `${body}` }).toEqual({ to: ['#news'], header: '{"id":"1"}', body: '[1]' })
})

test('an id outside ASCII arrives as it was sent, U+FFFD included', () => {
  expect(decodeFrames([bytes('žlutá|1')]).to).toEqual(['žlutá'])
  expect(decodeFrames([bytes('a\ufffdb|1')]).to).toEqual(['a\ufffdb'])
})

test.each([
  ['no frames at all', [], 'draft.frames'],
  ['two frames', ['42|', '{}'], 'draft.frames'],
  ['four frames', ['42|', '{}', '1', '2'], 'draft.frames'],
  ['65 frames', Array.from({ length: 65 }, () => '42|'), 'draft.frames'],
  ['a full form whose first frame goes on after the bar', ['42|x', '{}', '1'], 'draft.frames'],
  ['an empty frame', [''], 'draft.recipient'],
  ['no bar', ['hello'], 'draft.recipient'],
  ['nobody before the bar', ['|{}'], 'draft.recipient'],
  ['a full form without a bar', ['42', '{}', '1'], 'draft.recipient'],
  ['a recipient of 601 bytes', [`${'x'.repeat(601)}|1`], 'draft.recipient'],
])('%s is refused', (_, frames, code) => {
  expect(codeOf(...frames.map(bytes))).toBe(code)
})

test('a recipient that is not UTF-8 is refused', () => {
  expect(codeOf(Buffer.from([0xc3, 0x28, 0x7c, 0x31]))).toBe('draft.notUtf8')
})

test('the body is nobody’s business here', () => {
  expect(decodeFrames([bytes('42|')]).body).toHaveLength(0)
  expect(decodeFrames([Buffer.from([0x34, 0x32, 0x7c, 0xff])]).body).toHaveLength(1)
})

test('what begins with ! is a heartbeat only where it says so', () => {
  expect(isHeartbeat([bytes('!heartbeat|'), bytes('{}'), bytes('')])).toBe(true)
  expect(isHeartbeat([bytes('!heartbeat|{}')])).toBe(true)
  expect(isHeartbeat([bytes('!heartbeats|')])).toBe(false)
})
