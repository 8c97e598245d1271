import { Events } from '../../../src/core/events.ts'
import { systemClock } from '../../../src/memory/clock.ts'
import { zeromqIngest } from '../../../src/zeromq/ingest.ts'
import { type InputUnderTest, inputContract } from '../../contracts/inputContract.ts'
import { freePort } from '../../support/redisServer.ts'
import { sender } from '../../support/zeromqIngest.ts'

inputContract('zeromqIngest', 'one-node', () => ingestUnderTest(true))
inputContract('zeromqIngest over libzmq', 'one-node', () => ingestUnderTest(false))

async function ingestUnderTest(fast: boolean): Promise<InputUnderTest> {
  const address = `tcp://127.0.0.1:${await freePort()}`
  const ingest = zeromqIngest({ address, clock: systemClock, events: new Events(), maxBytes: 65_536, fast })
  const dealer = sender(address)
  return {
    input: {
      name: ingest.name,
      open: (accept) => ingest.open(async (submission, origin) => accept(submission, origin)),
      close: () => ingest.close(),
    },
    ready: async () => {},
    send: (recipient, body) => dealer.send({ recipient }, body),
    async sendNonsense() {
      await dealer.send('')
      await dealer.send('{}', '{}', '{}')
      await dealer.send('42|1')
    },
    async close() {
      await ingest.close()
      await dealer.close()
    },
  }
}
