import { startGateway, startProcess } from '../../support/gatewayProcess.ts'
import { freePort } from '../../support/redisServer.ts'
import { until } from '../../support/until.ts'
import { sender } from '../../support/zeromqIngest.ts'

/** Longer than the interval of the heartbeats that libzmq would send. */
const AFTERMATH_MS = 3_000

test('a sender that is killed while it floods does not take the gateway with it', async () => {
  const address = `tcp://127.0.0.1:${await freePort()}`
  const gateway = await startGateway({ zeromq: { ingest: address } })
  let hasEnded = false
  void gateway.ended.then(() => {
    hasEnded = true
  })
  // Each takes the gateway some milliseconds, so that libzmq's queue is full when the sender goes, and stays so.
  const flood = `
    import { Dealer } from 'zeromq'
    const socket = new Dealer({ linger: 0, sendHighWaterMark: 0 })
    socket.connect(${JSON.stringify(address)})
    const request = JSON.stringify({ recipient: Array.from({ length: 300 }, (_, i) => 'user ' + i), notification: 1 })
    for (let i = 0; i < 4_000; i++) await socket.send(request)
    console.log('sent')
    setInterval(() => {}, 1_000)`
  const flooder = startProcess(['--input-type=module', '-e', flood])
  await until('it has sent much', () => flooder.stdout().includes('sent'))
  flooder.signal('SIGKILL')
  await flooder.ended
  const began = performance.now()
  await until('a heartbeat would have been due', () => hasEnded || performance.now() - began > AFTERMATH_MS)
  expect([hasEnded, gateway.stderr()]).toEqual([false, ''])
  const other = sender(address)
  expect(await other.ask({ recipient: '42' }, '1')).toMatchObject({ ok: true })
  await other.close()
  await gateway.stop()
})
