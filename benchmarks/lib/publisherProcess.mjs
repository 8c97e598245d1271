// Publishes for so many seconds: at a rate, or as fast as a bounded number of deliveries under way allows.
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { bodyWriter, EVERYONE } from './mark.mjs'

const BURST = 128
const STALLED_MS = 1_000
const COUNT_BYTES = 8

const { gateway, place, counts, users, fanOut, isBroadcast, bytes, seconds, perSecond, underWay } = JSON.parse(
  process.argv[2],
)
const { publisher } = await import(gateway)
const out = await publisher(place, users)
const body = bodyWriter(bytes)
const heard = connect(counts)
process.send('began')

let sent = 0
let stalls = 0
const began = performance.now()
const end = began + seconds * 1_000
if (perSecond > 0) await keepPace()
else await keepFull()
process.send({ sent, stalls }, () => process.exit())

async function keepPace() {
  heard.resume()
  for (let now = began; now < end; now = performance.now()) {
    const due = Math.floor(((now - began) * perSecond) / 1_000)
    if (sent < due) publish(due - sent)
    await pause(1)
  }
}

/** Publishes whenever there is room: each count that arrives makes some. */
async function keepFull() {
  let first
  let count = 0
  let lost = 0
  let movedAt = performance.now()
  const fill = () => {
    while (performance.now() < end) {
      const room = Math.ceil((count - first + lost + underWay - sent * fanOut) / fanOut)
      if (room <= 0) return
      publish(Math.min(room, BURST))
    }
  }
  heard.on('data', (chunk) => {
    count = chunk.readDoubleLE(chunk.length - COUNT_BYTES)
    first ??= count
    movedAt = performance.now()
    fill()
  })
  while (performance.now() < end) {
    await pause(50)
    if (performance.now() - movedAt < STALLED_MS) continue
    // What has not arrived by now is lost.
    stalls++
    lost = sent * fanOut - (count - first)
    movedAt = performance.now()
    fill()
  }
}

function publish(count) {
  for (let i = 0; i < count; i++) {
    if (isBroadcast) out.everyone(body(EVERYONE))
    else {
      const user = Math.floor(Math.random() * users)
      out.user(user, body(user))
    }
  }
  sent += count
  out.flush()
}
