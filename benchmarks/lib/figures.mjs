// Medians of rounds, and ratios to the control's figure of the same round.

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** `values`: the median of each figure; `ratio`: to the control, by the figure that counts most, which stands first. */
export function summarise(rows, control) {
  const sound = rows.filter(({ error }) => error === undefined)
  const cells = new Map()
  for (const { peer, workload } of sound) {
    const key = keyOf(peer, workload)
    if (cells.has(key)) continue
    const own = sound.filter((row) => row.peer === peer && row.workload === workload)
    const ratios = own.flatMap((row) => {
      const beside = sound.find(
        (other) => other.peer === control && other.workload === workload && other.round === row.round,
      )
      return beside === undefined ? [] : [leading(row) / leading(beside)]
    })
    cells.set(key, { row: medians(own), ratio: ratios.length > 0 ? median(ratios) : undefined, ratios })
  }
  return (peer, workload) => cells.get(keyOf(peer, workload))
}

/** Of latencies the p50; smaller is better there, and of memory too. */
const leading = ({ latencies, bytesPerConnection, perCpuSecond }) =>
  latencies?.p50 ?? bytesPerConnection ?? perCpuSecond

const medians = (rows) => ({
  perCpuSecond: median(rows.map((row) => row.perCpuSecond)),
  gatewayShare: median(rows.map((row) => row.gatewayShare)),
  bytesPerConnection: median(rows.map((row) => row.bytesPerConnection)),
  handshakesPerCpuSecond: median(rows.map((row) => row.handshakesPerCpuSecond)),
  p50: median(rows.map((row) => row.latencies?.p50)),
  p99: median(rows.map((row) => row.latencies?.p99)),
})

const keyOf = (peer, workload) => `${peer} ${workload}`
