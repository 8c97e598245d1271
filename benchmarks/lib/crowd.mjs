// Browsers and a publisher around one running gateway, each a process of its own, and what the gateway spends meanwhile.
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { now } from './mark.mjs'
import { cpuOf, keptWaiting, mainThreadCpuOf, start, stop } from './processes.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const READY_WITHIN_MS = 120_000
/** The publisher goes on for so long after the last figure. */
const TAIL_SECONDS = 0.3

/** Brings `users` to a gateway, each with `perUser` tabs, and answers when all are in. */
export async function openCrowd({ gateway, place, folder, log }, users, perUser = 1) {
  const counts = join(folder, `counts-${place.port}-${Date.now() % 1e6}`)
  const words = JSON.stringify({ gateway, place, users, perUser, counts })
  const receiver = startNode(here('receiverProcess.mjs'), words, log)
  try {
    await answerOf(receiver, READY_WITHIN_MS, 'not everybody was let in')
  } catch (error) {
    await stop(receiver)
    throw error
  }

  /**
   * Publishes and answers, of `seconds` after the warm-up: deliveries, the gateway's processor time, and latencies in
   * microseconds where a rate is given.
   */
  async function measure({ seconds, warmUp = 1.2, isBroadcast = false, bytes = 200, perSecond = 0 }) {
    const [fanOut, underWay] = isBroadcast ? [users * perUser, users * perUser] : [perUser, 2_000]
    const total = warmUp + seconds + TAIL_SECONDS
    const load = { users, fanOut, underWay, isBroadcast, bytes, perSecond, seconds: total }
    const publisher = startNode(here('publisherProcess.mjs'), JSON.stringify({ gateway, place, counts, ...load }), log)
    await answerOf(publisher, 30_000, 'the publisher did not begin')
    const published = answerOf(publisher, (total + 30) * 1_000, 'the publisher ended')
    published.catch(() => {})
    await pause(warmUp * 1_000)
    const before = await note(perSecond > 0)
    await pause(seconds * 1_000)
    const after = await note()
    const { stalls } = await published
    const [deliveries, reads] = [after.delivered - before.delivered, after.reads - before.reads]
    const [cpu, mainThreadCpu] = [after.cpu - before.cpu, after.mainThreadCpu - before.mainThreadCpu]
    const elapsed = (after.at - before.at) / 1e6
    const { misrouted, closed, latencies } = after
    return {
      ...{ deliveries, cpu, mainThreadCpu, from: before.at, to: after.at },
      perCpuSecond: deliveries / cpu,
      perSecond: deliveries / elapsed,
      gatewayShare: cpu / elapsed,
      keptWaiting: Math.min(1, (after.waited - before.waited) / elapsed),
      readsPerDelivery: reads / deliveries,
      ...(perSecond > 0 && { latencies }),
      ...{ misrouted, closed, stalls },
    }
  }

  async function note(latencies) {
    const [gateway] = place.pids
    const heard = await report(latencies)
    return {
      ...heard,
      cpu: cpuOf(place.pids),
      mainThreadCpu: mainThreadCpuOf(gateway),
      waited: keptWaiting(gateway),
      at: now(),
    }
  }

  /** What has arrived so far; `latencies`: note them until the next report. */
  function report(latencies = false) {
    receiver.send({ latencies })
    return answerOf(receiver, 10_000, 'the receiver does not answer')
  }

  return { measure, report, close: () => stop(receiver) }
}

function startNode(file, words, log) {
  const options = { log, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }
  return start('others', process.execPath, ['--max-semi-space-size=32', file, words], options)
}

function answerOf(child, withinMs, complaint) {
  return new Promise((resolve, reject) => {
    const fail = () => settle(reject, new Error(complaint))
    const timer = setTimeout(fail, withinMs)
    const settle = (how, value) => {
      clearTimeout(timer)
      child.off('message', answered).off('exit', fail)
      how(value)
    }
    const answered = (message) => settle(resolve, message)
    child.on('message', answered).on('exit', fail)
  })
}
