import type { Address } from '../../src/core/address.ts'
import { userAddress } from '../../src/core/address.ts'
import type { Submission } from '../../src/core/draft.ts'
import { Events } from '../../src/core/events.ts'
import { systemClock } from '../../src/memory/clock.ts'
import { memoryDirectory } from '../../src/memory/directory.ts'
import { registry } from '../../src/zeromq/registry.ts'
import { zeromqInput } from '../../src/zeromq/subscriber.ts'

/** The ZeroMQ side of a gateway that serves its own registry in memory, without anybody behind it. */
export async function zeromqSide(rep: string, pub: string, users: readonly string[], fast = true) {
  const clock = systemClock
  const events = new Events()
  const failures: unknown[] = []
  events.on('gateway.failed', (facts) => failures.push(facts))
  const directory = memoryDirectory({ clock })
  const served = registry({ directory, rep, pub, clock, events })
  const input = zeromqInput({ publishers: directory, clock, events, maxBytes: 65_536, fast })
  const heard: Submission[] = []
  const addresses: Address[] = users.map(userAddress)
  for (const address of addresses) void input.follow(address)
  await served.open()
  await input.open((submission) => {
    heard.push(submission)
    return { ok: true, id: '', duplicate: false }
  })
  return {
    heard,
    directory,
    failures,
    input,
    async close() {
      await input.close()
      await served.close()
      await directory.close()
    },
  }
}
