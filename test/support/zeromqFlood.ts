import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Another process with a real PUB socket that says things nobody can use, as fast as it can. */
export interface Flood {
  readonly address: string
  readonly total: number
  /** It sends nothing before the gateway has subscribed to everyone's notifications. */
  close(): Promise<void>
}

/** Every fourth message is refused for its body, the others for their frames. */
const SCRIPT = `
  import { XPublisher } from 'zeromq'
  const total = Number(process.argv[1])
  const socket = new XPublisher({ linger: -1, sendHighWaterMark: 0, sendTimeout: 0 })
  await socket.bind('tcp://127.0.0.1:*')
  console.log(socket.lastEndpoint)
  for (;;) {
    const [message] = await socket.receive()
    if (message.toString() === '\\x01*|') break
  }
  for (let i = 0; i < total; i++) {
    socket.send(i % 4 === 0 ? '*|rubbish ' + i : ['*|', 'rubbish ' + i])
    if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  process.stdin.resume()
`

export async function startFlood(total: number): Promise<Flood> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, `${total}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [address] = await once(child.stdout, 'data')
  return {
    address: `${address}`.trim(),
    total,
    async close() {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}
