// The soak's story: warm up, rest and measure, load, rest and measure again.
import { setMaxListeners } from 'node:events'
import { Stop } from '../prepare.mjs'
import { crowd } from './crowd.mjs'
import { garbage } from './garbage.mjs'
import { Ledger } from './ledger.mjs'
import { loop, rest } from './loop.mjs'
import { leaks, losses, measure, merge, print } from './measure.mjs'
import { Notifiers } from './notifiers.mjs'
import { faults, registrations, tails } from './passersBy.mjs'
import { openSite } from './site.mjs'
import { openWitness } from './witness.mjs'

const MINUTE_MS = 60_000
const MIN_WARM_UP_MS = 20_000
/** So long what was said last may be under way. */
const HEAR_MS = MINUTE_MS
/** Engine.IO notices after 45 seconds that somebody has vanished without a word. */
const VANISHED_MS = 50_000
const MAX_REST_MS = 180_000
const SAMPLES = 10

/** Answers whether all is as it was. @throws Stop */
export async function soak(loadMs, stop) {
  const site = await openSite()
  const scene = { site, ledger: new Ledger(), stop }
  try {
    scene.witness = await openWitness(site)
    scene.notifiers = new Notifiers(scene)
    await scene.notifiers.start()
    const warmUpMs = Math.min(MINUTE_MS, Math.max(MIN_WARM_UP_MS, loadMs / 5))
    console.log(`Warming up for ${seconds(warmUpMs)} s, then ${seconds(loadMs)} s of load, each with a rest after it.`)
    await load(scene, warmUpMs, 'warm-up')
    const before = await highestAtRest(scene)
    if (stop.aborted) return false
    print('before', before, scene.ledger)
    await load(scene, loadMs, 'load')
    const after = await lowestAtRest(scene, (figures) => leaks(before, figures).length === 0)
    if (stop.aborted) return false
    print('after', after, scene.ledger)
    const complaints = [...losses(scene.ledger), ...leaks(before, after), ...site.complaints()]
    for (const complaint of complaints) console.log(`FAILED ${complaint}`)
    if (complaints.length === 0) console.log('ok     everything ended where it began')
    return complaints.length === 0
  } finally {
    scene.ledger.close()
    await scene.notifiers?.close()
    await scene.witness?.close()
    await site.close()
  }
}

/** First the notifiers fall silent, and who is there hears them to the end; then everybody leaves. */
async function load(scene, ms, name) {
  const [silence, end] = [phase(scene.stop), phase(scene.stop)]
  const { notifiers, site } = scene
  const talk = [notifiers.talk(silence.signal), notifiers.restart(silence.signal)]
  const parts = [crowd, garbage, tails, registrations, faults].map((part) => part(scene, end.signal))
  const everything = Promise.all([...talk, ...parts, report(scene, name, end.signal)])
  // Whatever fails, fails at once.
  const unless = (work) => Promise.race([work, everything, site.ended])
  try {
    await unless(rest(ms, silence.signal))
    silence.abort()
    await unless(Promise.all([...talk, heardToTheEnd(scene)]))
    end.abort()
    await unless(everything)
  } finally {
    silence.abort()
    end.abort()
  }
}

/** Ends when it is told to, or with the whole soak. Not AbortSignal.any: Node may collect what it listens to. */
function phase(stop) {
  const controller = new AbortController()
  // Everybody who waits listens to it.
  setMaxListeners(0, controller.signal, stop)
  stop.addEventListener('abort', () => controller.abort(), { signal: controller.signal })
  if (stop.aborted) controller.abort()
  return controller
}

async function heardToTheEnd({ ledger, stop }) {
  const due = performance.now() + HEAR_MS
  while (ledger.outstanding > 0 && performance.now() < due && !stop.aborted) await rest(100, stop)
  if (!stop.aborted) ledger.settle()
}

const report = (scene, name, over) =>
  loop(
    over,
    () => MINUTE_MS,
    async () => print(name, await measure(scene.site, scene.witness), scene.ledger),
  )

/** What is normal when nobody is there: whatever was seen in the last seconds of a long rest. */
async function highestAtRest(scene) {
  const idle = await lowestAtRest(scene, ({ connections, users }) => connections === 0 && users === 0)
  if (idle.connections > 0 || idle.users > 0) throw new Stop(`${idle.connections} connections stayed`)
  await rest(VANISHED_MS, scene.stop)
  let highest
  for (let n = 0; n < SAMPLES && !scene.stop.aborted; n++) highest = merge(Math.max, highest, await sample(scene))
  return highest
}

/** Nobody is there, and nothing is asked but for figures, until all of them have been good once. */
async function lowestAtRest(scene, isGood) {
  const due = performance.now() + MAX_REST_MS
  let lowest = await sample(scene)
  while (!isGood(lowest) && performance.now() < due && !scene.stop.aborted)
    lowest = merge(Math.min, lowest, await sample(scene))
  return lowest
}

async function sample({ site, witness, stop }) {
  site.collectGarbage()
  await rest(1000, stop)
  return measure(site, witness)
}

const seconds = (ms) => Math.round(ms / 1000)
