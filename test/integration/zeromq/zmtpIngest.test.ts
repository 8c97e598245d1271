import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Receipt } from '../../../src/core/ports.ts'
import { encodeCommand, encodeMessage, greetingOf, propertiesOf } from '../../support/rawZmtp.ts'
import { until } from '../../support/until.ts'
import { closers } from '../../support/zeromq.ts'
import { ingestFor } from '../../support/zeromqIngest.ts'

const { defer, closeAll } = closers()
afterEach(closeAll)

const folder = mkdtempSync(join(tmpdir(), 'heraldo-'))
afterAll(() => rmSync(folder, { recursive: true }))

const MANY = 3_000

test('all that a sender asked before it ended is done, though nobody is there for the answers', async () => {
  const ingest = defer(await ingestFor(undefined, { address: `ipc://${folder}/ingest` }))
  const socket = connect(`${folder}/ingest`)
  socket.on('error', () => {})
  await once(socket, 'connect')
  const requests = Array.from({ length: MANY }, (_, n) =>
    encodeMessage(JSON.stringify({ recipient: '42', notification: n, id: `${n}`, source: 'a' })),
  )
  const ready = encodeCommand('READY', propertiesOf('DEALER'))
  socket.write(Buffer.concat([greetingOf(1), ready, ...requests]), () => socket.destroy())
  await until('all are taken', () => ingest.taken.length === MANY)
  expect(ingest.taken.map(({ body }) => Number(`${Buffer.from(body)}`))).toEqual(requests.map((_, n) => n))
})

test('a request that waits for its answer keeps nothing but itself, whatever came with it', async () => {
  let answer = () => {}
  const waiting = new Promise<Receipt>((resolve) => {
    answer = () => resolve({ ok: true, id: 'a', duplicate: false })
  })
  const ingest = defer(await ingestFor(() => waiting, { address: `ipc://${folder}/waiting` }))
  const socket = connect(`${folder}/waiting`)
  defer({ close: async () => void socket.destroy() })
  await once(socket, 'connect')
  const request = encodeMessage(JSON.stringify({ recipient: '42' }), '"small"')
  const rest = encodeMessage('x'.repeat(60_000))
  socket.write(Buffer.concat([greetingOf(1), encodeCommand('READY', propertiesOf('DEALER')), request, rest]))
  await until('it is taken', () => ingest.taken.length === 1)
  expect(ingest.taken[0]?.body.buffer.byteLength).toBeLessThan(20_000)
  answer()
})
