// A notifier without manners: it counts the filters that it is sent, and says what no gateway may believe.
import { Request, XPublisher } from 'zeromq'

const PATIENCE_MS = 60_000
const TTL_SECONDS = 86_400

export async function openWitness({ registry }) {
  const socket = new XPublisher({ linger: 0 })
  await socket.bind('tcp://127.0.0.1:*')
  const filters = new Set()
  const listening = (async () => {
    for await (const [frame] of socket) {
      const filter = frame.toString('latin1', 1)
      if (frame[0] === 1) filters.add(filter)
      else if (frame[0] === 0) filters.delete(filter)
    }
  })()
  await ask(registry, { type: 'add-publisher', address: socket.lastEndpoint, name: 'witness', ttl: TTL_SECONDS })
  return {
    filters: () => filters.size,
    say: (frames) => socket.send(frames),
    async close() {
      socket.close()
      await listening
    },
  }
}

/** One question to the registry. */
export async function ask({ rep }, request) {
  const socket = new Request({ linger: 0, receiveTimeout: PATIENCE_MS, sendTimeout: PATIENCE_MS })
  try {
    socket.connect(rep)
    await socket.send(JSON.stringify(request))
    return JSON.parse((await socket.receive()).toString())
  } finally {
    socket.close()
  }
}
