// The soak's story: warm up, rest and measure, load, rest and measure again.
import { setMaxListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { crowd } from './crowd.mjs'
import { garbage } from './garbage.mjs'
import { Ledger } from './ledger.mjs'
import { measure, print, verdict } from './measure.mjs'
import { Notifiers } from './notifiers.mjs'
import { faults, registrations, tails } from './passersBy.mjs'
import { openSite } from './site.mjs'
import { openWitness } from './witness.mjs'

const MINUTE_MS = 60_000
const REST_MS = 15_000
/** Engine.IO notices after 45 seconds that somebody has vanished without a word. */
const MAX_REST_MS = 90_000

/** Answers whether all is as it was. */
export async function soak(loadMs, stop) {
  const site = await openSite()
  const scene = { site, ledger: new Ledger(), stop }
  try {
    scene.witness = await openWitness(site)
    scene.notifiers = new Notifiers(scene)
    await scene.notifiers.start()
    const warmUpMs = Math.min(MINUTE_MS, loadMs / 5)
    console.log(`Warming up for ${seconds(warmUpMs)} s, then ${seconds(loadMs)} s of load, each with a rest after it.`)
    await load(scene, warmUpMs, 'warm-up')
    const before = await restUntil(scene, isIdle)
    if (stop.aborted) return false
    print('before', before, scene.ledger)
    await load(scene, loadMs, 'load')
    const after = await restUntil(scene, (figures) => verdict(before, figures, scene.ledger).length === 0)
    if (stop.aborted) return false
    print('after', after, scene.ledger)
    const complaints = verdict(before, after, scene.ledger)
    for (const complaint of complaints) console.log(`FAILED ${complaint}`)
    if (complaints.length === 0) console.log('ok     everything ended where it began')
    return complaints.length === 0
  } finally {
    await scene.notifiers?.close()
    await scene.witness?.close()
    await site.close()
  }
}

async function load(scene, ms, name) {
  // Not AbortSignal.any with a timeout: Node may collect the timeout as garbage, and it never comes.
  const end = new AbortController()
  const over = end.signal
  // Everybody who waits listens to it.
  setMaxListeners(0, over)
  const isOver = () => end.abort()
  const timer = setTimeout(isOver, ms)
  scene.stop.addEventListener('abort', isOver)
  if (scene.stop.aborted) isOver()
  try {
    const parts = [crowd, garbage, tails, registrations, faults].map((part) => part(scene, over))
    const talk = [scene.notifiers.talk(over), scene.notifiers.restart(over), report(scene, name, over)]
    await Promise.all([...parts, ...talk])
  } finally {
    isOver()
    clearTimeout(timer)
    scene.stop.removeEventListener('abort', isOver)
  }
}

async function report({ site, witness, ledger }, name, over) {
  const next = () => pause(MINUTE_MS, undefined, { signal: over }).catch(() => {})
  for (await next(); !over.aborted; await next()) print(name, await measure(site, witness), ledger)
}

/** Nobody is there and nothing is asked but for figures. Memory is the least that was seen: garbage comes and goes. */
async function restUntil({ site, witness, stop }, isGood) {
  const began = performance.now()
  let least
  while (!stop.aborted) {
    await pause(1000)
    const figures = await measure(site, witness)
    figures.heapMb = Math.min(figures.heapMb, least?.heapMb ?? figures.heapMb)
    figures.redisMb = Math.min(figures.redisMb, least?.redisMb ?? figures.redisMb)
    figures.steadySince =
      least?.descriptors === figures.descriptors && least.handles === figures.handles
        ? least.steadySince
        : performance.now()
    least = figures
    const rested = performance.now() - began
    if (rested >= MAX_REST_MS || (rested >= REST_MS && isGood(figures))) break
  }
  return least ?? (await measure(site, witness))
}

const isIdle = ({ connections, users, steadySince }) =>
  connections === 0 && users === 0 && performance.now() - steadySince >= REST_MS
const seconds = (ms) => Math.round(ms / 1000)
