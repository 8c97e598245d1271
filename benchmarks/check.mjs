// node benchmarks/check.mjs (after npm run build): whether speed has collapsed. Heraldo beside Socket.IO behind zeromq.js, in
// interleaved rounds of half a minute together; a machine's own speed cancels out. Exit 1 below half of the usual ratio, in
// the better of two rounds: a bad day of the machine is no failure, and a path that nobody takes any more is one.

import { cores } from './lib/processes.mjs'
import { readPeer, runRounds } from './lib/rounds.mjs'
import { WORKLOADS } from './lib/workloads.mjs'

/** Times the control's deliveries per second of processor time, as measured on 2026-11-22 with Node 20. */
const USUAL = { w1: 1.5, w2: 1.2 }
const ROUNDS = 2
const USERS = 1_000
const TIMES = { warmUp: 0.7, seconds: 1.2 }

const peers = await Promise.all(['heraldo', 'bridge'].map(readPeer))
const [own, control] = peers
const run = {
  peers,
  workloads: Object.keys(USUAL),
  rounds: ROUNDS,
  times: TIMES,
  users: USERS,
  options: { hasRedis: false },
}
if (cores === undefined) console.log('speed: nobody is pinned to a core here (one core, or no taskset)')
const rows = await runRounds(run, ({ error, said = '', peer, workload }) => {
  if (error !== undefined) console.error(`speed: ${peer}, ${workload}: ${error}\n${said}`)
})
process.exit(Object.keys(USUAL).map(judge).every(Boolean) ? 0 : 1)

function judge(workload) {
  const best = Math.max(...ratios(workload))
  const usual = USUAL[workload]
  const isFine = best >= usual / 2
  const verdict = isFine ? 'ok' : 'COLLAPSED'
  console.log(
    `speed ${WORKLOADS[workload].title}: ${best.toFixed(2)} × ${control.title}, usually ${usual} ×: ${verdict}`,
  )
  return isFine
}

/** None where one of the two failed, which is a collapse. */
function ratios(workload) {
  const figure = (peer, round) => {
    const row = rows.find((one) => one.peer === peer.name && one.workload === workload && one.round === round)
    return row?.perCpuSecond ?? Number.NaN
  }
  const all = Array.from({ length: ROUNDS }, (_, i) => figure(own, i + 1) / figure(control, i + 1))
  return [0, ...all.filter(Number.isFinite)]
}
