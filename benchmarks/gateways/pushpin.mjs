// Pushpin: a reverse proxy that keeps the WebSockets (GRIP over HTTP), published to over ZeroMQ PUSH. What it asks when
// somebody comes is answered by a small server on the others' core.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isOnPath, listening } from '../lib/processes.mjs'
import { openPush } from '../lib/zmtpPublisher.mjs'

const BACKEND = fileURLToPath(new URL('pushpinBackend.mjs', import.meta.url))
const INTERNAL = join(process.env.PUSHPIN_LIB ?? '/usr/lib/pushpin', 'internal.conf')

export const title = 'Pushpin'
export const absent = () => (isOnPath('pushpin') && isOnPath('zurl') && existsSync(INTERNAL) ? undefined : 'Pushpin')

export async function open({ start, stop, freePort, folder, log }) {
  const [port, backend, push, sub, http, command] = await Promise.all(Array.from({ length: 6 }, freePort))
  const own = join(folder, `pushpin-${port}`)
  mkdirSync(own)
  const write = (name, text) => {
    writeFileSync(join(own, name), text)
    return join(own, name)
  }
  const internal = write('internal.conf', readFileSync(INTERNAL, 'utf8').replaceAll('/var/run/zurl/', `${own}/`))
  const routes = write('routes', `* 127.0.0.1:${backend},over_http\n`)
  const zurlConfig = write('zurl.conf', zurlConfiguration(own))
  const config = write('pushpin.conf', configuration({ own, internal, routes, port, push, sub, http, command }))
  const asked = start('others', process.execPath, [BACKEND, backend], { log })
  const zurl = start('gateway', 'zurl', [`--config=${zurlConfig}`], { log })
  const pushpin = start('gateway', 'pushpin', ['--config', config], { log })
  const close = async () => {
    for (const child of [pushpin, zurl, asked]) await stop(child)
  }
  await listening(port)
  await listening(backend)
  return { port, push, pids: [pushpin.pid, zurl.pid], close }
}

export const visitor = () => ({
  path: () => '/ws',
  headers: (user) => [`Cookie: uid=${user}`],
  answer: (text) => (text === 'hello' ? true : undefined),
  ping: '\0',
  atOnce: 16,
})

export async function publisher({ push }) {
  const { send, flush } = await openPush(push)
  const publish = (channel, body) => {
    send(`J{"channel":"${channel}","formats":{"ws-message":{"content":${JSON.stringify(body)}}}}`)
  }
  return { user: (user, body) => publish(`user${user}`, body), everyone: (body) => publish('everyone', body), flush }
}

function zurlConfiguration(own) {
  const sockets = { in: 'in', in_stream: 'in-stream', out: 'out', in_req: 'req' }
  const specs = Object.entries(sockets).map(([key, name]) => `${key}_spec=ipc://${own}/zurl-${name}`)
  return `[General]
${specs.join('\n')}
ipc_file_mode=660
defpolicy=allow
max_open_requests=2000
buffer_size=200000
timeout=600
in_hwm=1000
out_hwm=1000
`
}

function configuration({ own, internal, routes, port, push, sub, http, command }) {
  return `[global]
include=${internal}
rundir=${own}
ipc_prefix=pp-
stats_connection_ttl=120
[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=${port}
logdir=${own}
log_level=1
client_buffer_size=8192
client_maxconn=50000
condure_bin=condure
[proxy]
routesfile=${routes}
sig_iss=pushpin
sig_key=changeme
updates_check=off
[handler]
push_in_spec=tcp://127.0.0.1:${push}
push_in_sub_specs=tcp://127.0.0.1:${sub}
push_in_sub_connect=false
push_in_http_addr=127.0.0.1
push_in_http_port=${http}
command_spec=tcp://127.0.0.1:${command}
message_rate=1000000
message_hwm=1000000
message_wait=5000
connection_subscription_max=20
subscription_linger=60
stats_spec=ipc://{rundir}/{ipc_prefix}stats
stats_subscription_ttl=60
stats_report_interval=10
stats_format=tnetstring
`
}
