// Interleaved rounds: in each, every gateway is asked the same, one right after the other. A machine's speed drifts by tens
// of percent within minutes, so only figures of the same round are held against each other.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Stop } from '../../scripts/prepare.mjs'
import { openCrowd } from './crowd.mjs'
import * as processes from './processes.mjs'
import { WORKLOADS } from './workloads.mjs'

export const PEERS = ['heraldo', 'socketio', 'bridge', 'nats', 'nchan', 'pushpin']
const SHOWN_OF_LOG = 2_000

/** Reads `heraldo`, `nats`, or `heraldo=FOLDER` for the build of another checkout. @throws Stop */
export async function readPeer(word) {
  const [name, root] = word.split('=')
  if (!PEERS.includes(name)) throw new Stop(`the gateway "${name}" is not known; these are: ${PEERS.join(', ')}.`)
  const module = new URL(`../gateways/${name}.mjs`, import.meta.url).href
  const gateway = await import(module)
  const title = root === undefined ? gateway.title : `${gateway.title} of ${root}`
  return {
    name: word,
    title,
    module,
    absent: gateway.absent(),
    open: (site, options) => gateway.open(site, { root, ...options }),
  }
}

/**
 * Answers one row for each peer, workload and round. `onRow` hears of each as it comes, also of those that failed.
 * `effort`: seconds of each figure and of the warm-up before it, bytes of a body; `users`: instead of a workload's own;
 * `options`: for the gateways.
 */
export async function runRounds({ peers, workloads, rounds, effort, users, options }, onRow) {
  const rows = []
  const note = (row) => {
    rows.push(row)
    onRow(row)
  }
  for (let round = 1; round <= rounds; round++) {
    // Back and forth, so that who comes later in a round is not always the same.
    const order = round % 2 === 1 ? peers : [...peers].reverse()
    for (const group of groupsOf(workloads)) {
      for (const peer of order)
        await runGroup(peer, group, { effort, users, options }, (row) => note({ round, ...row }))
    }
  }
  return rows
}

async function runGroup(peer, names, { effort, users, options }, note) {
  const folder = processes.ownFolder()
  const log = join(folder, 'log')
  let place
  let crowd
  let isAt = names[0]
  try {
    place = await peer.open({ ...processes, folder, log }, options)
    const site = { gateway: peer.module, place, folder, log }
    const { crowd: size } = WORKLOADS[names[0]]
    if (size !== undefined) crowd = await openCrowd(site, users ?? size.users, size.perUser)
    for (isAt of names) {
      note({ peer: peer.name, workload: isAt, ...(await WORKLOADS[isAt].run(site, crowd, effort)) })
    }
  } catch (error) {
    const said = readFileSync(log, { encoding: 'utf8', flag: 'a+' }).slice(-SHOWN_OF_LOG)
    note({ peer: peer.name, workload: isAt, error: error.message, said })
  } finally {
    await crowd?.close()
    await place?.close()
  }
}

function groupsOf(names) {
  const groups = new Map()
  for (const name of names) {
    const { crowd = name } = WORKLOADS[name]
    groups.set(crowd, [...(groups.get(crowd) ?? []), name])
  }
  return [...groups.values()]
}
