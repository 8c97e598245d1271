// The table that is printed and written: Markdown, its columns as wide as what stands in them.
import { summarise } from './figures.mjs'
import { WORKLOADS } from './workloads.mjs'

export const HOW_TO_READ =
  'Deliveries per second of the gateway’s processor time, and how many times the control’s: more is better. ' +
  'Only ratios of one run mean anything.'

/** Peers down, workloads across. */
export function table(rows, { peers, workloads, control }) {
  const cellOf = summarise(rows, control.name)
  const present = peers.filter(({ name }) => rows.some((row) => row.peer === name && row.error === undefined))
  const head = ['', ...workloads.map((name) => WORKLOADS[name].title)]
  const body = present.map((peer) => [
    peer === control ? `${peer.title} (control)` : peer.title,
    ...workloads.map((name) => text(cellOf(peer.name, name), peer === control)),
  ])
  return markdown([head, ...body])
}

export function markdown(lines) {
  const widths = lines[0].map((_, column) => Math.max(3, ...lines.map((line) => line[column].length)))
  const row = (line) =>
    `| ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [row(lines[0]), rule, ...lines.slice(1).map(row)].join('\n')
}

function text(cell, isControl) {
  if (cell === undefined) return ''
  const { row, ratio } = cell
  const times = isControl || ratio === undefined ? '' : ` · ${ratio.toFixed(ratio < 10 ? 2 : 1)} ×`
  if (row.p50 > 0) return `${time(row.p50)} / ${time(row.p99)}`
  if (row.bytesPerConnection > 0)
    return `${(row.bytesPerConnection / 1_000).toFixed(1)} kB · ${count(row.handshakesPerCpuSecond)}/s`
  // It delivered nothing: asked for more than it can do, say.
  return row.perCpuSecond > 0 ? `${count(row.perCpuSecond)}${times}` : '–'
}

function time(us) {
  if (us < 1_000) return `${us.toFixed(0)} µs`
  return us < 1e6 ? `${(us / 1e3).toFixed(1)} ms` : `${(us / 1e6).toFixed(1)} s`
}

export const count = (number) => (number < 10_000 ? number.toFixed(0) : `${(number / 1_000).toFixed(0)}k`)
