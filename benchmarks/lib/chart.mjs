// A bar chart as SVG, drawn by hand: one group a workload, one bar a gateway, as long as its ratio to the control. Colours
// follow the reader's light or dark page.
import { summarise } from './figures.mjs'
import { count } from './table.mjs'
import { WORKLOADS } from './workloads.mjs'

const WIDTH = 860
const LABELS = 196
const FIGURES = 132
const BAR = 18
const GAP = 6
const GROUP_HEAD = 34
const TOP = 56
const BOTTOM = 46

const STYLE = `text { font: 13px -apple-system, BlinkMacSystemFont, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
    .title { font-size: 15px; font-weight: 600 }
    .group { font-weight: 600 }
    .quiet, .figure { fill: #59636e }
    .own { font-weight: 600; fill: #1f2328 }
    .axis { stroke: #d1d9e0 }
    .bar { fill: #afb8c1 }
    .bar.own { fill: #1a7f64 }
    .bar.control { fill: #7d8590 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .quiet, .figure { fill: #9198a1 }
      .own { fill: #f0f6fc }
      .axis { stroke: #3d444d }
      .bar { fill: #545d68 }
      .bar.own { fill: #3fb68b }
      .bar.control { fill: #768390 }
    }`

/** @param own the name of the peer that stands out */
export function chart(rows, { peers, workloads, control, own, caption }) {
  const cellOf = summarise(rows, control.name)
  const groups = workloads
    .filter((name) => WORKLOADS[name].isThroughput && cellOf(control.name, name) !== undefined)
    .map((name) => ({ name, bars: peers.flatMap((peer) => barOf(peer, cellOf(peer.name, name), control, own)) }))
  const longest = Math.max(...groups.flatMap(({ bars }) => bars.map(({ ratio }) => ratio)))
  const scale = (WIDTH - LABELS - FIGURES) / longest
  const parts = []
  let y = TOP
  for (const { name, bars } of groups) {
    parts.push(`<text class="group" x="0" y="${y + 14}">${escape(capital(WORKLOADS[name].title))}</text>`)
    y += GROUP_HEAD - 8
    const x = (LABELS + scale).toFixed(1)
    const to = y + bars.length * (BAR + GAP)
    parts.push(`<line class="axis" x1="${x}" x2="${x}" y1="${y - 4}" y2="${to}" stroke-dasharray="2 3"/>`)
    for (const bar of bars) {
      parts.push(drawn(bar, y, scale))
      y += BAR + GAP
    }
    y += 14
  }
  const height = y + BOTTOM - 14
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(caption)}">
  <style>
    ${STYLE}
  </style>
  <text class="title" x="0" y="18">Deliveries per second of the gateway’s processor time</text>
  <text class="quiet" x="0" y="38">${escape(control.title)} = 1, more is better</text>
  ${parts.join('\n  ')}
  <text class="quiet" x="0" y="${height - 14}">${escape(caption)}</text>
</svg>
`
}

function barOf(peer, cell, control, own) {
  if (cell?.ratio === undefined) return []
  const kind = peer.name === own ? ' own' : peer === control ? ' control' : ''
  return [{ title: peer.title, kind, ratio: cell.ratio, perCpuSecond: cell.row.perCpuSecond }]
}

function drawn({ title, kind, ratio, perCpuSecond }, y, scale) {
  const width = Math.max(2, ratio * scale)
  const middle = y + 13
  const figure = `${ratio.toFixed(ratio < 10 ? 2 : 1)} ×  ·  ${count(perCpuSecond)}/s`
  return [
    `<text class="name${kind}" x="${LABELS - 10}" y="${middle}" text-anchor="end">${escape(title)}</text>`,
    `<rect class="bar${kind}" x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="3"/>`,
    `<text class="figure${kind}" x="${(LABELS + width + 8).toFixed(1)}" y="${middle}">${figure}</text>`,
  ].join('\n  ')
}

const capital = (text) => `${text[0].toUpperCase()}${text.slice(1)}`
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
