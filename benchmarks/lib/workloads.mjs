// What is asked of each gateway. What shares a crowd is asked of the same running gateway, one after the other.
import { setTimeout as pause } from 'node:timers/promises'
import { openCrowd } from './crowd.mjs'
import { cpuOf, memoryOf } from './processes.mjs'

const USERS = 2_000
const TABS_OF_ONE = 4
const EVERY_SECOND = 5_000
const SETTLES_MS = 4_000

const busy = (title, crowd, load = {}) => ({
  title,
  crowd,
  isThroughput: load.perSecond === undefined,
  run: (site, { measure }, effort) => measure({ ...effort, ...load }),
})
const one = { users: USERS, perUser: 1 }

/** By name; `title` stands over the column. `crowd`: users, and tabs of each; without one the workload brings its own. */
export const WORKLOADS = {
  w1: busy('to one user', one),
  w2: busy('to everyone', one, { isBroadcast: true }),
  lat: busy(`p50 / p99 at ${EVERY_SECOND.toLocaleString('en')}/s`, one, { perSecond: EVERY_SECOND }),
  w3: busy('to one user, four tabs', { users: USERS / TABS_OF_ONE, perUser: TABS_OF_ONE }),
  ...Object.fromEntries(
    [1_000, 5_000, 19_000].map((users) => {
      const title = `to one of ${users.toLocaleString('en')} users`
      return [`users${users / 1_000}k`, busy(title, { users, perUser: 1 })]
    }),
  ),
  idle: { title: 'idle connection, handshakes', isThroughput: false, run: comeAndStay },
}
/** Shorthands of the command line. */
export const GROUPS = { growth: ['users1k', 'users5k', 'users19k'], all: Object.keys(WORKLOADS) }

/** What a connection costs that hears nothing: the processor time of its handshake, and its memory. */
async function comeAndStay(site) {
  const first = await openCrowd(site, 200)
  await first.close()
  await pause(SETTLES_MS)
  const [memory, cpu] = [memoryOf(site.place.pids), cpuOf(site.place.pids)]
  const users = 5 * USERS
  const crowd = await openCrowd(site, users)
  try {
    const spent = cpuOf(site.place.pids) - cpu
    await pause(SETTLES_MS)
    const bytes = (memoryOf(site.place.pids) - memory) / users
    const { closed } = await crowd.report()
    return { bytesPerConnection: bytes, handshakesPerCpuSecond: users / spent, misrouted: 0, closed, stalls: 0 }
  } finally {
    await crowd.close()
  }
}
