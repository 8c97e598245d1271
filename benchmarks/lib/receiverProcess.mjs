// Many browsers in one process: opens their WebSockets, greets each gateway in its own words, and counts what arrives.
// Nothing is parsed on the way but frames' lengths and marks. How many arrived is told to whoever listens on a socket
// file, so that the publisher knows what is still under way.
import { connect, createServer } from 'node:net'
import { EVERYONE, findCutMark, findMark, MARK_BYTES, now, timeOf, userOf } from './mark.mjs'

const CHUNK = Buffer.allocUnsafe(1 << 20)
const AT_ONCE = 100
/** The publisher is told at least this often, also in the middle of a turn. */
const TELL_EVERY = 250
const [TEXT, BINARY, CLOSE, PING, PONG] = [1, 2, 8, 9, 10]

const { gateway, place, users, perUser, counts } = JSON.parse(process.argv[2])
const { visitor } = await import(gateway)
const { path, headers, answer, isBinary, ping, pong, atOnce = AT_ONCE } = visitor(place)

const tabs = users * perUser
let ready = 0
let delivered = 0
let misrouted = 0
let closed = 0
let reads = 0
let latencies = null

const listeners = new Set()
let told = 0
let isTelling = false
const server = createServer((listener) => {
  listeners.add(listener)
  listener.write(count())
  listener.on('error', () => {}).on('close', () => listeners.delete(listener))
})
server.listen(counts)

process.on('message', (request) => {
  process.send({ delivered, misrouted, closed, reads, latencies: percentiles(latencies ?? []) })
  latencies = request.latencies ? [] : null
})
process.on('disconnect', () => process.exit())
for (let i = 0; i < Math.min(atOnce, tabs); i++) visit(i)
let next = Math.min(atOnce, tabs)

/** One tab: comes, greets until the gateway lets it in, and listens. */
function visit(number) {
  const user = Math.floor(number / perUser)
  const tab = { user, state: 'upgrading', rest: null, tail: null, socket: null }
  const onread = { buffer: CHUNK, callback: (length) => take(tab, length) }
  tab.socket = connect({ host: '127.0.0.1', port: place.port, noDelay: true, onread })
  tab.socket.on('connect', () => {
    const lines = [`GET ${path(user)} HTTP/1.1`, 'Host: 127.0.0.1', 'Upgrade: websocket', 'Connection: Upgrade']
    lines.push('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==', ...headers(user))
    tab.socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  })
  tab.socket.on('error', () => {})
  tab.socket.on('close', () => {
    if (tab.state === 'ready') closed++
    else setTimeout(visit, 100, number)
  })
}

function letIn(tab) {
  if (tab.state === 'ready') return
  tab.state = 'ready'
  if (++ready === tabs) process.send('ready')
  if (next < tabs) visit(next++)
}

function take(tab, length) {
  reads++
  let bytes = CHUNK
  let end = length
  if (tab.rest !== null) {
    bytes = Buffer.concat([tab.rest, CHUNK.subarray(0, length)])
    end = bytes.length
    tab.rest = null
  }
  const at = readFrames(tab, bytes, tab.state === 'upgrading' ? readUpgrade(tab, bytes, end) : 0, end)
  // What is kept is copied: the next read of any tab writes over it.
  if (at < end) tab.rest = Buffer.from(bytes.subarray(at, end))
  return true
}

function readUpgrade(tab, bytes, end) {
  const reply = bytes.latin1Slice(0, end)
  const length = reply.indexOf('\r\n\r\n') + 4
  if (length === 3) return 0
  if (!reply.startsWith('HTTP/1.1 101')) {
    process.stderr.write(`refused: ${reply.slice(0, 200)}\n`)
    tab.socket.destroy()
    return end
  }
  tab.state = 'greeting'
  greet(tab, '')
  return length
}

/** Where the first frame begins that is not whole yet. */
function readFrames(tab, bytes, at, end) {
  if (tab.state === 'upgrading') return at
  while (at + 2 <= end) {
    let length = bytes[at + 1]
    let from = at + 2
    if (length === 126) {
      if (at + 4 > end) break
      length = bytes[at + 2] * 256 + bytes[at + 3]
      from = at + 4
    } else if (length === 127) {
      if (at + 10 > end) break
      length = Number(bytes.readBigUInt64BE(at + 2))
      from = at + 10
    }
    if (from + length > end) break
    const opcode = bytes[at] & 15
    at = from + length
    if (opcode === TEXT || opcode === BINARY || opcode === 0) takePayload(tab, bytes, from, at)
    else if (opcode === PING) send(tab, PONG, bytes.subarray(from, at))
    else if (opcode === CLOSE) tab.socket.destroy()
  }
  return at
}

function takePayload(tab, bytes, from, to) {
  if (tab.tail !== null) {
    bytes = Buffer.concat([tab.tail, bytes.subarray(from, to)])
    from = 0
    to = bytes.length
    tab.tail = null
  }
  let mark = findMark(bytes, from, to)
  const isDelivery = mark >= 0
  for (; mark >= 0; mark = findMark(bytes, from, to)) {
    const user = userOf(bytes, mark)
    if (user !== tab.user && user !== EVERYONE) misrouted++
    if (latencies !== null) latencies.push(now() - timeOf(bytes, mark))
    delivered++
    from = mark + MARK_BYTES
  }
  // A gateway that sends a stream in frames may cut anywhere.
  const cut = tab.state === 'ready' ? findCutMark(bytes, from, to) : -1
  if (cut >= 0) tab.tail = Buffer.from(bytes.subarray(cut, to))
  if (isDelivery) tell()
  else if (cut < 0) converse(tab, bytes.latin1Slice(from, to))
}

function converse(tab, text) {
  if (tab.state === 'greeting') greet(tab, text)
  else if (text.startsWith(ping) && text.length <= ping.length + 2)
    send(tab, isBinary ? BINARY : TEXT, Buffer.from(pong))
}

/** `answer` is asked what to say to each thing that the gateway says, first to the upgrade: ''. True: it has let us in. */
function greet(tab, text) {
  const said = answer(text, tab.user)
  if (said === true) letIn(tab)
  else if (said !== undefined) send(tab, isBinary ? BINARY : TEXT, Buffer.from(said))
}

/** A client's frames are masked; a mask of zeros leaves the payload as it is. */
function send(tab, opcode, payload) {
  const { length } = payload
  const head = length < 126 ? [0x80 | opcode, 0x80 | length] : [0x80 | opcode, 0xfe, length >> 8, length & 255]
  tab.socket.write(Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]))
}

function tell() {
  if (delivered - told >= TELL_EVERY) return tellNow()
  if (isTelling) return
  isTelling = true
  setImmediate(() => {
    isTelling = false
    tellNow()
  })
}

function tellNow() {
  if (delivered === told) return
  told = delivered
  for (const listener of listeners) listener.write(count())
}

function count() {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleLE(delivered)
  return bytes
}

function percentiles(values) {
  const sorted = Float64Array.from(values).sort()
  const at = (share) => sorted[Math.floor(sorted.length * share)]
  return { p50: at(0.5), p99: at(0.99), of: sorted.length }
}
