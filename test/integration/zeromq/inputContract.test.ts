import { formatRecipient } from '../../../src/core/address.ts'
import { Events } from '../../../src/core/events.ts'
import { systemClock } from '../../../src/memory/clock.ts'
import { zeromqInput } from '../../../src/zeromq/subscriber.ts'
import { inputContract } from '../../contracts/inputContract.ts'
import { until } from '../../support/until.ts'
import { listOf, testNotifier, WIRES } from '../../support/zeromq.ts'

for (const [wire, fast] of WIRES)
  inputContract(`zeromqInput over ${wire}`, 'every-node', async () => {
    const notifier = await testNotifier()
    const input = zeromqInput({
      publishers: listOf(notifier.address),
      clock: systemClock,
      events: new Events(),
      maxBytes: 65_536,
      fast,
    })
    return {
      input,
      ready: (addresses) =>
        until('the notifier knows who listens', () =>
          addresses.every((address) => notifier.filters.has(`${formatRecipient(address)}|`)),
        ),
      send: (recipient, body) => notifier.send(`${recipient}|${body}`),
      async sendNonsense() {
        await notifier.send('42|', '{}', '1', '2')
        await notifier.send('42|', '{}')
        await notifier.send('42|', '')
      },
      async close() {
        await input.close()
        await notifier.close()
      },
    }
  })
