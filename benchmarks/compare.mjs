// npm run bench [-- OPTIONS]: how much Heraldo delivers for its processor time, beside other gateways, in interleaved rounds
// on one machine. docs/performance.md says how it is measured.
import { writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Stop } from '../scripts/prepare.mjs'
import { chart } from './lib/chart.mjs'
import { cores } from './lib/processes.mjs'
import { profile } from './lib/profile.mjs'
import { readPeer, runRounds } from './lib/rounds.mjs'
import { count, HOW_TO_READ, table } from './lib/table.mjs'
import { GROUPS, WORKLOADS } from './lib/workloads.mjs'
import { replaceBetweenMarkers } from './lib/writing.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OWN = 'heraldo'
const CONTROL = 'socketio'
const OTHERS = ['nats', 'nchan', 'pushpin']
const COMPARED = 'w1,w2,w3,lat'
const PROFILED = 'w1,w2'
/** The share of the time that a gateway waited for its core, from which on its figure is worth less. */
const DISTURBED = 0.1

export const USAGE = `npm run bench [-- OPTIONS]
  --peers NAMES      besides Heraldo and the control, Socket.IO with its Redis adapter: ${OTHERS.join(', ')}, bridge,
                     heraldo=FOLDER (another checkout, built); default: those of ${OTHERS.join(', ')} that are on PATH
  --workloads NAMES  ${[...Object.keys(WORKLOADS), ...Object.keys(GROUPS)].join(', ')}; default: ${COMPARED}
  --rounds N         3
  --seconds N        of each figure; 3
  --bytes N          of each body; 200
  --profile          where a delivery's microseconds go in Heraldo, or in heraldo=FOLDER, instead of the comparison
  --write            the tables into docs/performance.md and README.md, the chart to docs/benchmark.svg`

/** Does what the words of the command line ask for; answers whether all went well. @throws Stop */
export async function compare(words) {
  const asked = readWords(words)
  if (cores === undefined)
    console.log('Nobody is pinned to a core here (one core, or no taskset): figures scatter more.')
  const where = `${new Date().toISOString().slice(0, 10)}, ${cpus()[0].model.trim()}, Node ${process.versions.node}`
  const command = ['npm run bench', ...(asked.options.length > 0 ? ['--', ...asked.options] : [])].join(' ')
  const origin = `\`${command}\`, ${where}.`
  return asked.profile ? await showProfile(asked, origin) : await showTable(asked, origin)
}

async function showTable({ names, workloads, rounds, effort, write }, origin) {
  const peers = await present(names)
  const control = peers.find(({ name }) => name === CONTROL)
  const rows = await runRounds({ peers, workloads, rounds, effort }, (row) => tell(row, rounds))
  const printed = table(rows, { peers, workloads, control })
  const disturbed = rows.filter(({ keptWaiting }) => keptWaiting > DISTURBED).length
  const reading =
    disturbed === 0
      ? HOW_TO_READ
      : `${HOW_TO_READ}\nSomething else used the gateway's core in ${disturbed} of ${rows.length} figures: they scatter more.`
  console.log(`\n${printed}\n\n${reading}`)
  const file = write ? join(ROOT, 'docs', 'benchmark.svg') : join(tmpdir(), 'heraldo-benchmark.svg')
  writeFileSync(file, chart(rows, { peers, workloads, control, own: OWN, caption: origin.replaceAll('`', '') }))
  console.log(`The chart is in ${write ? relative(ROOT, file) : file}.`)
  if (write) {
    const text = (image) => `![Deliveries for processor time](${image})\n\n${printed}\n\n${reading}\n${origin}`
    writeDown('docs/performance.md', 'benchmark', text('benchmark.svg'))
    writeDown('README.md', 'benchmark', text('docs/benchmark.svg'))
  }
  const ours = rows.filter(({ peer }) => peer === OWN || peer === CONTROL)
  return ours.every(({ error, misrouted }) => error === undefined && misrouted === 0)
}

async function showProfile({ names = [OWN], workloads, effort, write }, origin) {
  const peer = names.find((name) => name.startsWith(OWN)) ?? OWN
  const printed = await profile({ peer, workloads, effort })
  console.log(printed)
  if (write) writeDown('docs/performance.md', 'profile', `${printed}\n\n${origin}`)
  return true
}

function readWords(words) {
  const { values, tokens } = parseWords(words)
  const workloads = list(values.workloads ?? (values.profile ? PROFILED : COMPARED)).flatMap(
    (name) => GROUPS[name] ?? name,
  )
  const isFit = (name) => WORKLOADS[name] !== undefined && !(values.profile && WORKLOADS[name].crowd === undefined)
  const unfit = workloads.find((name) => !isFit(name))
  if (unfit !== undefined)
    throw new Stop(`the workload "${unfit}" is not known${values.profile ? ' to --profile' : ''}.`)
  const [rounds, seconds, bytes] = Object.entries({ rounds: 1, seconds: 1, bytes: 100 }).map(([name, least]) => {
    const number = Number(values[name])
    if (!(number >= least && number <= 60_000)) throw new Stop(`--${name} is a number, ${least} or more.`)
    return number
  })
  const options = tokens
    .filter(({ name }) => name !== 'write')
    .map(({ name, value }) => `--${name}${value ? ` ${value}` : ''}`)
  return {
    ...values,
    options,
    workloads,
    rounds,
    effort: { seconds, bytes },
    names: values.peers && list(values.peers),
  }
}

function parseWords(args) {
  const text = { type: 'string' }
  const isSaid = { type: 'boolean' }
  const numbers = {
    rounds: { ...text, default: '3' },
    seconds: { ...text, default: '3' },
    bytes: { ...text, default: '200' },
  }
  try {
    const options = { peers: text, workloads: text, ...numbers, profile: isSaid, write: isSaid }
    return parseArgs({ args, tokens: true, options })
  } catch (error) {
    throw new Stop(error.message)
  }
}

/** Heraldo first, then the control, then who else was asked for, or is here. */
async function present(wanted = OTHERS) {
  const names = [...new Set([OWN, CONTROL, ...wanted])]
  const peers = await Promise.all(names.map(readPeer))
  const missing = peers.flatMap(({ absent }) => absent ?? [])
  if (missing.length > 0) console.log(`Left out, because not on PATH: ${missing.join(', ')}.`)
  return peers.filter(({ absent }) => absent === undefined)
}

function tell(row, rounds) {
  const { round, peer, workload, error, said } = row
  console.log(
    `${round}/${rounds}  ${peer.padEnd(10)} ${workload.padEnd(8)} ${error ? `failed: ${error}` : factsOf(row)}`,
  )
  if (said) console.log(said.replace(/^/gm, '    '))
}

function factsOf(row) {
  const facts = []
  const { perCpuSecond, gatewayShare, latencies, bytesPerConnection, handshakesPerCpuSecond } = row
  if (perCpuSecond > 0)
    facts.push(`${count(perCpuSecond)} a CPU second, gateway ${(gatewayShare * 100).toFixed(0)} % busy`)
  if (row.keptWaiting > DISTURBED) facts.push(`kept waiting ${(row.keptWaiting * 100).toFixed(0)} %`)
  if (latencies) facts.push(`p50 ${latencies.p50.toFixed(0)} µs, p99 ${latencies.p99.toFixed(0)} µs`)
  if (bytesPerConnection > 0) facts.push(`${bytesPerConnection.toFixed(0)} B a connection`)
  if (handshakesPerCpuSecond > 0) facts.push(`${count(handshakesPerCpuSecond)} handshakes a CPU second`)
  if (row.misrouted > 0) facts.push(`${row.misrouted} TO THE WRONG USER`)
  if (row.closed > 0) facts.push(`${row.closed} cut off`)
  if (row.stalls > 0) facts.push(`stood still ${row.stalls} times, because messages were lost`)
  return facts.join(', ')
}

function writeDown(name, marker, text) {
  const isDone = replaceBetweenMarkers(join(ROOT, name), marker, text)
  console.log(
    isDone ? `The table is in ${name}.` : `${name} has no place for it: <!-- ${marker} --> … <!-- /${marker} -->.`,
  )
}

const list = (text) => text.split(',').filter(Boolean)
