import { createHash, createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import type { SessionStore } from '../../../src/core/ports.ts'
import { authTkt } from '../../../src/sessions/authTkt.ts'
import { beaker } from '../../../src/sessions/beaker.ts'
import { expressSession } from '../../../src/sessions/expressSession.ts'
import { httpCallback } from '../../../src/sessions/httpCallback.ts'
import { infoFrom } from '../../../src/sessions/info.ts'
import { jwt } from '../../../src/sessions/jwt.ts'
import { type PyDict, type PyValue, setEntry } from '../../../src/sessions/pyValue.ts'
import { handshakeAt } from '../../fixtures/sessionFixtures.ts'

const SECRET = 'a secret of this test, of more than thirty-two bytes'
const ID = '0123456789abcdef0123456789abcdef'
const NOW = 1_750_000_000

describe('what goes out of a session', () => {
  test.each<[string, PyValue, string | number | boolean]>([
    ['text', { t: 'str', v: 'Ñandú 🚀' }, 'Ñandú 🚀'],
    ['empty text', { t: 'str', v: '' }, ''],
    ['text of 200 characters', { t: 'str', v: 'x'.repeat(200) }, 'x'.repeat(200)],
    ['the text of Python 2', { t: 'str8', v: Buffer.from('Ñandú') }, 'Ñandú'],
    ['a whole number', { t: 'int', v: 42n }, 42],
    ['the largest exact number', { t: 'int', v: 9007199254740991n }, 9007199254740991],
    ['a number beyond it, as text', { t: 'int', v: 9007199254740993n }, '9007199254740993'],
    ['a negative one, as text', { t: 'int', v: -(2n ** 64n) }, '-18446744073709551616'],
    ['a fraction', { t: 'float', v: 0.5 }, 0.5],
    ['no', { t: 'bool', v: false }, false],
  ])('%s', (_, value, shown) => {
    expect(infoFrom(dictOf({ it: value, secret: { t: 'str', v: 'x' } }), { shown: ['it'] })).toEqual({
      info: { shown },
    })
  })

  test.each<[string, PyValue]>([
    ['text of 201 characters', { t: 'str', v: 'x'.repeat(201) }],
    ['a number of 201 digits', { t: 'int', v: 10n ** 200n }],
    ['not a number', { t: 'float', v: Number.NaN }],
    ['infinity', { t: 'float', v: Number.POSITIVE_INFINITY }],
    ['nothing', { t: 'none' }],
    ['bytes', { t: 'bytes', v: Buffer.from('x') }],
    ['a dictionary', dictOf({ name: { t: 'str', v: 'x' } })],
    ['a list', { t: 'list', v: [{ t: 'str', v: 'x' }] }],
    ['a decimal', { t: 'decimal', v: '1.0' }],
  ])('%s is left out, and what is beside it goes', (_, value) => {
    const session = dictOf({ it: value, name: { t: 'str', v: 'Ana' } })
    expect(infoFrom(session, { it: ['it'], name: ['name'] })).toEqual({ info: { name: 'Ana' } })
    expect(infoFrom(session, { it: ['it'], gone: ['it', 'gone'] })).toEqual({})
  })

  test('nothing, when nothing is listed', () => {
    const session = dictOf({ name: { t: 'str', v: 'Ana' } })
    expect([infoFrom(session, undefined), infoFrom(session, {})]).toEqual([{}, {}])
  })

  test('names that mean something in JavaScript are names, and ways lead only to what the session holds', () => {
    const paths = JSON.parse('{"__proto__":["name"],"constructor":["name"],"a":["constructor"],"b":["__proto__"]}')
    const found = infoFrom(dictOf({ name: { t: 'str', v: 'Ana' } }), paths)
    expect(JSON.stringify(found)).toBe('{"info":{"__proto__":"Ana","constructor":"Ana"}}')
    expect(Object.getPrototypeOf(found.info)).toBe(Object.prototype)
  })
})

describe('every session tells what is listed, and nothing else', () => {
  const session = '{"who":{"id":"42","name":"Ñandú","groups":["a"]},"csrf":"secret","n":9007199254740993}'
  const paths = { name: ['who', 'name'], n: ['n'], groups: ['who', 'groups'] }
  const user = { id: '42', info: { name: 'Ñandú', n: '9007199254740993' } }

  test('beaker', async () => {
    const options = { cookie: 'sid', secret: SECRET, key: '{id}', user: ['who', 'id'], timeout: null }
    const cookie = `sid=${createHmac('sha1', SECRET).update(ID).digest('hex')}${ID}`
    const who = (info?: typeof paths) =>
      beaker({ ...options, info }, storeOf(session)).resolve(handshakeAt(NOW, { cookie }))
    expect((await who(paths))?.user).toEqual(user)
    expect((await who())?.user).toEqual({ id: '42' })
  })

  test('expressSession', async () => {
    const options = { cookie: 'sid', secret: SECRET, key: '{id}', user: ['who', 'id'] }
    const signature = createHmac('sha256', SECRET).update(ID).digest('base64').replace('=', '')
    const cookie = `sid=${encodeURIComponent(`s:${ID}.${signature}`)}`
    const who = (info?: typeof paths) =>
      expressSession({ ...options, info }, storeOf(session)).resolve(handshakeAt(NOW, { cookie }))
    expect((await who(paths))?.user).toEqual(user)
    expect((await who())?.user).toEqual({ id: '42' })
  })

  test('httpCallback, of the user in the answer', async () => {
    const application = createServer(
      (_, response) => void response.end(`{"user":${session.replace('{', '{"id":"42",')}}`),
    )
    await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(application.address() as AddressInfo).port}/`
    const who = (info?: typeof paths) =>
      httpCallback({ url, timeoutMs: 10_000, info }).resolve(handshakeAt(NOW, { cookie: 'a=b' }))
    try {
      expect((await who(paths))?.user).toEqual(user)
      expect((await who())?.user).toEqual({ id: '42' })
    } finally {
      application.closeAllConnections()
      await new Promise((resolve) => application.close(resolve))
    }
  })

  test('jwt; a number that JSON has rounded is left out', async () => {
    const key = Buffer.from(SECRET)
    const claims = {
      sub: '42',
      exp: NOW + 60,
      who: { name: 'Ñandú', groups: ['a'] },
      n: 2 ** 53,
      pi: 3.14,
      admin: true,
    }
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(key)
    const who = (info?: Record<string, readonly string[]>) => jwt({ key, info }).resolve(handshakeAt(NOW, { token }))
    expect((await who({ ...paths, pi: ['pi'], admin: ['admin'], proto: ['__proto__', 'name'] }))?.user).toEqual({
      id: '42',
      info: { name: 'Ñandú', pi: 3.14, admin: true },
    })
    expect((await who())?.user).toEqual({ id: '42' })
  })

  test('authTkt, of the tokens and the user data', async () => {
    const options = {
      cookie: 't',
      secret: SECRET,
      digest: 'md5',
      includeIp: false,
      timeout: null,
      maxClockSkew: 300,
    } as const
    const who = (tokens: string, userData: string) =>
      authTkt({
        ...options,
        userData: 'pipe',
        info: { groups: ['tokens'], name: ['userData'], no: ['userId'] },
      }).resolve(handshakeAt(NOW, { cookie: `t=${ticket(tokens, userData)}` }))
    expect((await who('editors,staff', 'Ñandú'))?.user).toEqual({
      id: '42',
      info: { groups: 'editors,staff', name: 'Ñandú' },
    })
    expect((await who('', ''))?.user).toEqual({ id: '42' })
  })
})

function dictOf(entries: Record<string, PyValue>): PyDict {
  const dict: PyDict = { t: 'dict', v: new Map() }
  for (const [key, value] of Object.entries(entries)) setEntry(dict, { t: 'str', v: key }, value)
  return dict
}

function ticket(tokens: string, userData: string): string {
  const time = Buffer.alloc(8)
  time.writeUInt32BE(NOW, 4)
  const inner = createHash('md5').update(time).update(SECRET).update(`42\0${tokens}\0${userData}`).digest('hex')
  const digest = createHash('md5').update(inner).update(SECRET).digest('hex')
  const asHeader = Buffer.from(userData).toString('latin1')
  return `${digest}${NOW.toString(16)}42!${tokens === '' ? '' : `${tokens}!`}${asHeader}`
}

function storeOf(session: string): SessionStore {
  return { lookup: async () => Buffer.from(session), isUp: () => true, close: async () => {} }
}
