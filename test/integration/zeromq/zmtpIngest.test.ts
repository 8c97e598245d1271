import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
