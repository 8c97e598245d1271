// Where a delivery's microseconds go: a gateway under --cpu-prof, its samples sorted into areas, and the processor time that
// the kernel counted shared out among them. So the parts add up to what was measured, what no sample sees included.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCrowd } from './crowd.mjs'
import * as processes from './processes.mjs'
import { readPeer } from './rounds.mjs'
import { markdown } from './table.mjs'
import { WORKLOADS } from './workloads.mjs'

const SAMPLE_EVERY_US = 500
/** A gap that is longer is a time without a core, and says nothing about where the sample stands that ends it. */
const LONGEST_US = 2 * SAMPLE_EVERY_US
const LOOP = 'Event loop: waiting, reading sockets'
const REST = 'Node itself: ticks, timers'

/**
 * By what a line of the stack is called, `function url`. Of a sample's stack the innermost line that matches decides, so
 * that what a part of ours calls counts for that part.
 */
const AREAS = [
  ['Socket write: the system call', /^(writeBuffer|writev|writeLatin1String|writeUtf8String) $/],
  ['Garbage collection', /^\(garbage collector\)/],
  [LOOP, /^\((program|idle)\)/],
  ['Packing the frame', /\/dist\/socketio\/(frameWriter|meta)/],
  ['Socket write: what leads there', /\/dist\/socketio\/|\/node_modules\/(ws|engine\.io|socket\.io)[^/]*\//],
  ['Socket write: what leads there', /^(Socket\._?(write|final)\S*|\S*[wW]rite\S*) node:(net|internal\/stream)/],
  [
    'Off ZeroMQ: reading, splitting',
    /\/dist\/zeromq\/|\/node_modules\/zeromq\/|^onStreamRead |internal\/streams\/readable/,
  ],
  ['Checks: recipient, header, JSON', /\/dist\/core\/(rawJson|plainJson|draft|address|envelope)/],
  ['Log, metrics', /\/dist\/observers\/|\/dist\/core\/(events|feed|tally)/],
  ['Pipe: duplicates, holes, who is here', /\/dist\/(core|memory|redis)\/|\/dist\/\w+\.js$/],
  ['Other', /\/dist\//],
]
const ORDER = [6, 7, 9, 3, 4, 0, 8, 10, 1].map((at) => AREAS[at][0]).concat(REST, LOOP)
const OTHER_THREADS = 'Other threads: libzmq, collector, profiler'

/** Prints the table, and answers it. */
export async function profile({ effort, workloads, peer: word }) {
  const columns = []
  for (const name of workloads) columns.push(await profiled(await readPeer(word), name, effort))
  const parts = [...ORDER, OTHER_THREADS].filter((area) => columns.some((column) => column.get(area) > 0.005))
  const row = (area) => [area, ...columns.map((column) => (column.get(area) ?? 0).toFixed(2))]
  const total = columns.map((column) => [...column.values()].reduce((sum, us) => sum + us, 0).toFixed(2))
  const head = ['µs of processor time a delivery', ...workloads.map((name) => WORKLOADS[name].title)]
  return markdown([head, ...parts.map(row), ['Together, as measured', ...total]])
}

/** Microseconds by area. */
async function profiled(peer, name, effort) {
  const folder = processes.ownFolder()
  const log = join(folder, 'log')
  const flags = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${SAMPLE_EVERY_US}`]
  const place = await peer.open({ ...processes, folder, log }, { flags })
  const { crowd: size, run } = WORKLOADS[name]
  let figures
  try {
    const crowd = await openCrowd({ gateway: peer.module, place, folder, log }, size.users, size.perUser)
    figures = await run(undefined, crowd, effort)
    await crowd.close()
  } finally {
    // Whoever is asked to end writes its profile.
    await place.close()
  }
  const file = readdirSync(folder).find((entry) => entry.endsWith('.cpuprofile'))
  return shareOut(sampled(JSON.parse(readFileSync(join(folder, file), 'utf8')), figures), figures)
}

/** Sampled microseconds by area, of the time that was measured. */
function sampled({ nodes, samples, timeDeltas, startTime }, { from, to }) {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const areas = new Map(nodes.map(({ id, callFrame }) => [id, areaOf(callFrame)]))
  const areaOfStack = (id) => {
    for (let at = id; at !== undefined; at = parents.get(at)) if (areas.get(at) !== undefined) return areas.get(at)
    return REST
  }
  const byArea = new Map()
  let at = startTime
  samples.forEach((id, i) => {
    at += timeDeltas[i]
    if (at < from || at > to) return
    const area = areaOfStack(id)
    byArea.set(area, (byArea.get(area) ?? 0) + Math.min(timeDeltas[i], LONGEST_US))
  })
  return byArea
}

function areaOf({ functionName, url }) {
  const line = `${functionName} ${url}`
  return AREAS.find(([, pattern]) => pattern.test(line))?.[0]
}

/**
 * Samples are of time, not of processor time: a gateway that waits is sampled too, in the event loop, and one that another
 * process keeps from its core wherever it stands. The event loop gets what the areas leave of the main thread's own time.
 */
function shareOut(byArea, { cpu, mainThreadCpu, deliveries }) {
  const us = (seconds) => (seconds * 1e6) / deliveries
  byArea.delete(LOOP)
  const working = [...byArea.values()].reduce((sum, time) => sum + time, 0) / 1e6
  const scale = Math.min(1, mainThreadCpu / working)
  const shares = [...byArea].map(([area, time]) => [area, us((time / 1e6) * scale)])
  return new Map([...shares, [LOOP, us(mainThreadCpu - working * scale)], [OTHER_THREADS, us(cpu - mainThreadCpu)]])
}
