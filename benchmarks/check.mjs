// node benchmarks/check.mjs (after npm run build): whether speed has collapsed. Heraldo beside Socket.IO behind zeromq.js, in
// interleaved rounds of half a minute together; a machine's own speed cancels out. Exit 1 below half of the usual ratio, in
// the better of two rounds: a bad day of the machine is no failure, and a path that nobody takes any more is one.

import { cores } from './lib/processes.mjs'
import { readPeer, runRounds } from './lib/rounds.mjs'
import { WORKLOADS } from './lib/workloads.mjs'

/** Times the control's deliveries per second of processor time, as measured on 2026-11-22 with Node 20. */
const USUAL = { w1: 4, w2: 2.6 }
const ROUNDS = 2
const USERS = 1_000
const EFFORT = { warmUp: 0.7, seconds: 1.2 }

const peers = await Promise.all(['heraldo', 'bridge'].map(readPeer))
const [, control] = peers
const run = {
  peers,
  workloads: Object.keys(USUAL),
  rounds: ROUNDS,
  effort: EFFORT,
  users: USERS,
  options: { hasRedis: false },
}
if (cores === undefined) console.log('speed: nobody is pinned to a core here (one core, or no taskset)')
const rows = await runRounds(run, ({ error, said = '', peer, workload }) => {
  if (error !== undefined) console.error(`speed: ${peer}, ${workload}: ${error}\n${said}`)
})
process.exit(Object.keys(USUAL).map(judge).every(Boolean) ? 0 : 1)

function judge(workload) {
  const title = `speed ${WORKLOADS[workload].title}`
  const [ours, theirs] = peers.map((peer) => figures(peer, workload))
  const ratios = ours.map((figure, round) => figure / theirs[round]).filter(Number.isFinite)
  if (ratios.length === 0 && ours.some(Number.isFinite)) {
    console.log(`${title}: not judged, because the control could not be measured`)
    return true
  }
  const best = Math.max(0, ...ratios)
  const isFine = best >= USUAL[workload] / 2
  const verdict = isFine ? 'ok' : 'COLLAPSED'
  console.log(`${title}: ${best.toFixed(2)} × ${control.title}, usually ${USUAL[workload]} ×: ${verdict}`)
  return isFine
}

/** By round; not a number where it failed. */
function figures(peer, workload) {
  const ours = rows.filter((row) => row.peer === peer.name && row.workload === workload)
  return Array.from({ length: ROUNDS }, (_, i) => ours.find(({ round }) => round === i + 1)?.perCpuSecond ?? Number.NaN)
}
