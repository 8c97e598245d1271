// The sending end of ZeroMQ's wire (ZMTP 3, https://rfc.zeromq.org/spec/23/, no authentication) over plain TCP: PUB, which
// listens and sends to who subscribed, and PUSH, which connects. Cheaper than libzmq from Node, where the publisher
// shares a core with the receiver.
import { connect, createServer } from 'node:net'

const GREETING_BYTES = 64
const [MORE, LONG, COMMAND] = [1, 2, 4]
const LONGEST_SHORT = 255
const TOO_MUCH_WAITS = 16 << 20

/** Answers when somebody has subscribed to all of `topics`. Filters are by prefix; what nobody wants is sent nevertheless. */
export async function openPub(port, topics) {
  const peers = new Set()
  const filters = new Set()
  const server = createServer({ noDelay: true }, (socket) => {
    shakeHands(socket, 'PUB', (topic, isAdded) => {
      peers.add(socket)
      if (isAdded) filters.add(topic)
      else filters.delete(topic)
    })
    socket.on('close', () => peers.delete(socket))
  })
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  const isWanted = (topic) =>
    Array.from({ length: topic.length + 1 }, (_, i) => topic.slice(0, i)).some((start) => filters.has(start))
  while (!topics.every(isWanted)) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return writer(peers)
}

export async function openPush(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await new Promise((resolve) => shakeHands(socket, 'PUSH', undefined, resolve))
  return writer([socket])
}

/** What is sent in one turn leaves in one write. Parts are latin1: one character a byte. */
function writer(sockets) {
  let waiting = ''
  return {
    send(...parts) {
      parts.forEach((part, i) => {
        waiting += header(i < parts.length - 1 ? MORE : 0, part.length) + part
      })
    },
    flush() {
      for (const socket of sockets) {
        if (socket.writableLength > TOO_MUCH_WAITS) throw new Error('the gateway does not read')
        socket.write(waiting, 'latin1')
      }
      waiting = ''
    },
  }
}

function shakeHands(socket, kind, onFilter, onReady = () => {}) {
  const property = (name, value) =>
    `${String.fromCharCode(name.length)}${name}\0\0\0${String.fromCharCode(value.length)}${value}`
  const ready = `\x05READY${property('Socket-Type', kind)}${property('Identity', '')}`
  socket.on('error', () => {})
  socket.write(`\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL${'\0'.repeat(48)}`, 'latin1')
  socket.write(header(COMMAND, ready.length) + ready, 'latin1')
  let rest = Buffer.alloc(0)
  let isGreeted = false
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    if (!isGreeted) {
      if (rest.length < GREETING_BYTES) return
      isGreeted = true
      rest = rest.subarray(GREETING_BYTES)
    }
    for (let frame = nextFrame(rest); frame !== undefined; frame = nextFrame(rest)) {
      rest = rest.subarray(frame.length)
      if (frame.isCommand) obey(frame.body)
      else if (frame.body.length > 0) onFilter?.(frame.body.latin1Slice(1), frame.body[0] === 1)
    }
  })

  function obey(body) {
    const name = body.latin1Slice(1, 1 + body[0])
    const words = body.subarray(1 + body[0])
    if (name === 'READY') onReady()
    else if (name === 'SUBSCRIBE') onFilter?.(words.latin1Slice(), true)
    else if (name === 'CANCEL') onFilter?.(words.latin1Slice(), false)
    else if (name === 'PING') {
      const pong = `\x04PONG${words.latin1Slice(2)}`
      socket.write(header(COMMAND, pong.length) + pong, 'latin1')
    }
  }
}

function nextFrame(bytes) {
  if (bytes.length < 2) return undefined
  const isLong = (bytes[0] & LONG) !== 0
  if (isLong && bytes.length < 9) return undefined
  const [from, size] = isLong ? [9, Number(bytes.readBigUInt64BE(1))] : [2, bytes[1]]
  const length = from + size
  if (bytes.length < length) return undefined
  return { isCommand: (bytes[0] & COMMAND) !== 0, body: bytes.subarray(from, length), length }
}

function header(flags, length) {
  if (length <= LONGEST_SHORT) return String.fromCharCode(flags, length)
  const bytes = [24, 16, 8, 0].map((shift) => (length >>> shift) & 255)
  return String.fromCharCode(flags | LONG, 0, 0, 0, 0, ...bytes)
}
