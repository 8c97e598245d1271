import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, type RedisOptions } from 'ioredis'
import { printCommand } from '../../../src/redis/resp.ts'
import { askAll, RespConnection } from '../../../src/redis/respConnection.ts'
import { fakeClock } from '../../support/fakeClock.ts'
import { freePort, startRedis as launch } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function startRedis(...args: readonly string[]) {
  const redis = await launch({ args })
  closers.push(redis.stop)
  return redis
}

/** One that asks for this password. */
async function startGuarded(password: string) {
  const { port } = await startRedis()
  await connect({ port }).ask('CONFIG', 'SET', 'requirepass', password)
  return port
}

function connect(options: RedisOptions) {
  const clock = fakeClock()
  const lost: string[] = []
  const redis = { host: '127.0.0.1', ...options }
  const connection = new RespConnection({ redis, clock, onLost: ({ message }) => lost.push(message) })
  closers.push(() => connection.end())
  const ask = (...command: readonly string[]) => askAll(connection, [command]).then(([reply]) => `${reply}`)
  return { connection, clock, lost, ask }
}

/** Says what it is told to say, to whoever comes. */
async function impostor(greet: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}))
    greet(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

describe('the connection on which scripts are called goes where ioredis goes', () => {
  test('with a password, as a user, to a database', async () => {
    const port = await startGuarded('a é "secret"')
    const admin = connect({ port, password: 'a é "secret"' })
    expect(await admin.ask('ACL', 'SETUSER', 'ann', 'on', '>word', '+@all', '~*')).toBe('OK')
    const ann = connect(new Redis(`redis://ann:word@127.0.0.1:${port}/3`, { lazyConnect: true }).options)
    expect(await ann.ask('ACL', 'WHOAMI')).toBe('ann')
    expect(await ann.ask('CLIENT', 'INFO')).toContain(' db=3 ')
  })

  test('who is not let in, or may not go to that database, hears why', async () => {
    const port = await startGuarded('secret')
    for (const [options, reason] of [
      [{ password: 'another' }, 'WRONGPASS'],
      [{}, 'NOAUTH'],
      [{ password: 'secret', db: 99 }, 'DB index is out of range'],
    ] as const) {
      const { ask } = connect({ port, ...options })
      await expect(ask('PING')).rejects.toThrow(reason)
    }
  })

  test('a password where none is needed does no harm', async () => {
    const { port } = await startRedis()
    expect(await connect({ port, password: 'secret' }).ask('PING')).toBe('PONG')
  })

  test('over a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heraldo-unix-'))
    closers.push(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'redis')
    await startRedis('--unixsocket', path)
    expect(await connect({ path }).ask('PING')).toBe('PONG')
  })

  test('over TLS, and to nobody who cannot show whose certificate it is', async () => {
    const port = await freePort()
    const pem = 'test/fixtures/localhost.pem'
    const files = ['--tls-cert-file', pem, '--tls-key-file', pem, '--tls-ca-cert-file', pem, '--tls-auth-clients', 'no']
    await startRedis('--tls-port', `${port}`, ...files.map((arg) => (arg === pem ? join(process.cwd(), pem) : arg)))
    expect(await connect({ port, tls: { rejectUnauthorized: false } }).ask('PING')).toBe('PONG')
    await expect(
      connect(new Redis(`rediss://127.0.0.1:${port}`, { lazyConnect: true }).options).ask('PING'),
    ).rejects.toThrow('certificate')
  })
})

describe('questions', () => {
  test('of one turn go out in their order, and each hears its own replies', async () => {
    const writes: string[] = []
    const port = await impostor((socket) => socket.on('data', (bytes) => writes.push(`${bytes}`)))
    const { ask } = connect({ port })
    const commands = Array.from({ length: 1_000 }, (_, i) => ['GET', `${i}`])
    for (const command of commands) ask(...command).catch(() => {})
    await until('they are there', () => writes.join('').length === commands.map(printCommand).join('').length)
    expect(writes.join('')).toBe(commands.map(printCommand).join(''))
    const redis = await startRedis()
    const real = connect({ port: redis.port })
    const echoed = await Promise.all(Array.from({ length: 5_000 }, (_, i) => real.ask('ECHO', `é${i}`)))
    expect(echoed).toEqual(Array.from({ length: 5_000 }, (_, i) => `é${i}`))
  })

  test('of which Redis refuses one are answered all the same, with what it said', async () => {
    const { port } = await startRedis()
    const { ask, connection } = connect({ port })
    const all = await Promise.allSettled([ask('PING'), ask('GET'), ask('PING')])
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    await expect(askAll(connection, [['PING'], ['GET']])).rejects.toThrow('wrong number of arguments')
  })

  test('larger than the network takes at once arrive whole', async () => {
    const { port } = await startRedis()
    const { ask } = connect({ port })
    const text = 'long '.repeat(2_000_000)
    expect(await ask('ECHO', text)).toBe(text)
  })

  test('under way fail when the connection ends, and those after it at once', async () => {
    const { port, stop } = await startRedis()
    const { ask, lost } = connect({ port })
    await ask('PING')
    const waiting = Promise.allSettled([ask('BLPOP', 'never', '0'), ask('PING')])
    await until('Redis has them', async () => (await connect({ port }).ask('CLIENT', 'LIST')).includes('cmd=blpop'))
    await stop()
    expect(await waiting).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
    expect(lost).toHaveLength(1)
    await expect(ask('PING')).rejects.toThrow('Connection is closed.')
  })

  test('fail when nobody is there, and when we end it ourselves', async () => {
    const { ask, lost, connection } = connect({ port: await freePort() })
    await expect(ask('PING')).rejects.toThrow('ECONNREFUSED')
    expect(lost).toHaveLength(1)
    connection.end()
    const { port } = await startRedis()
    const own = connect({ port })
    const waiting = own.ask('PING')
    own.connection.end()
    await expect(waiting).rejects.toThrow('Connection is closed.')
    expect(own.lost).toEqual([])
  })
})

describe('a Redis that owes an answer', () => {
  test('and says nothing for two seconds is given up', async () => {
    const port = await impostor(() => {})
    const { ask, clock, lost } = connect({ port, commandTimeout: 2_000 })
    const waiting = Promise.allSettled([ask('PING'), ask('PING')])
    clock.advance(1_999)
    expect(lost).toEqual([])
    clock.advance(1)
    expect(await waiting).toMatchObject([
      { reason: new Error('Command timed out') },
      { reason: new Error('Command timed out') },
    ])
    expect([lost, clock.timers]).toEqual([['Command timed out'], 0])
  })

  test('is waited for as long as it says something, and for nothing when it owes none', async () => {
    let talk = (_: string): void => {}
    const port = await impostor((socket) => {
      talk = (text) => void socket.write(text)
    })
    const { connection, clock, lost, ask } = connect({ port })
    const heard: string[] = []
    connection.ask({
      count: 3,
      write: (out) => out.text(printCommand(['PING'])),
      hear: (reply) => heard.push(`${reply}`),
      fail() {},
    })
    await until('somebody is there', () => `${talk}`.includes('write'))
    for (let i = 1; i <= 3; i++) {
      clock.advance(1_900)
      talk('+PONG\r\n')
      await until('it is heard', () => heard.length === i)
    }
    clock.advance(60_000)
    expect([lost, clock.timers]).toEqual([[], 0])
    const late = ask('PING')
    talk('+PONG\r\n')
    expect(await late).toBe('PONG')
  })

  test.each([
    ['speaks something else', 'HTTP/1.1 400 Bad Request\r\n', 'no RESP'],
    ['answers what nobody asked', '+PONG\r\n+PONG\r\n', 'nobody asked'],
  ])('and %s is left', async (_, text, reason) => {
    const { ask, lost } = connect({ port: await impostor((socket) => socket.write(text)) })
    await ask('PING').catch(() => {})
    await until('it is left', () => lost.length === 1)
    expect(lost[0]).toContain(reason)
  })
})
