// The figures, and what they must be in the end.
import { readdirSync } from 'node:fs'
import { get } from 'node:http'
import { Stop } from '../prepare.mjs'
import { NAMES } from './crowd.mjs'
import { timeOfDay } from './loop.mjs'

const MB = 1024 * 1024
const PATIENCE_MS = 60_000
const HEAP_GROWTH = 1.2
/** The 40,000 ids that a gateway remembers take up to 12 MB, and it needs half an hour to hear as many. */
const HEAP_SPARE_MB = 16
/** libzmq's memory too. An allocator gives back what it likes, so this is generous. */
const RSS_GROWTH = 1.5
const RSS_SPARE_MB = 60
const REDIS_SPARE_MB = 2
/** A user may leave some, a connection none. */
const KEYS_PER_USER = 3
/** These end where they began, or below. */
const EXACT = ['descriptors', 'connections', 'users', 'followed', 'filters', 'handles', 'timers', 'notifiers']
const LOST = ['missing', 'doubled', 'misrouted', 'refused', 'cut']

export async function measure({ url, pid, redis }, witness) {
  const of = valuesOf(await text(new URL('metrics', url)))
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    rssMb: of('process_resident_memory_bytes') / MB,
    heapMb: of('nodejs_heap_size_used_bytes') / MB,
    handles: of('nodejs_active_handles_total'),
    timers: of('nodejs_active_resources', 'type="Timeout"'),
    connections: of('heraldo_connections'),
    users: of('heraldo_users'),
    followed: of('heraldo_followed_addresses'),
    filters: witness.filters(),
    notifiers: of('heraldo_notifiers_up'),
    reconnects: of('heraldo_notifier_reconnects_total'),
    gaps: of('heraldo_live_gaps_total'),
    redisMb: Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]) / MB,
    redisKeys: await redis.dbsize(),
  }
}

/** Each figure the highest of both, or the lowest. */
export const merge = (choose, some, more) =>
  Object.fromEntries(Object.entries(more).map(([key, value]) => [key, choose(value, some?.[key] ?? value)]))

export function print(name, figures, ledger) {
  const told = ['sent', 'heard', ...LOST].map((key) => [key, ledger[key]])
  const line = [...Object.entries(figures), ...told].map(([key, value]) => `${key} ${Math.round(value * 10) / 10}`)
  console.log(`${timeOfDay()} ${name}: ${line.join(', ')}`)
}

/** What did not end where it began, in words. */
export function leaks(before, after) {
  const bounds = [
    ...EXACT.map((key) => [key, before[key]]),
    ['heapMb', before.heapMb * HEAP_GROWTH + HEAP_SPARE_MB],
    ['rssMb', before.rssMb * RSS_GROWTH + RSS_SPARE_MB],
    ['redisMb', before.redisMb + REDIS_SPARE_MB],
    ['redisKeys', before.redisKeys + NAMES * KEYS_PER_USER],
  ]
  return bounds
    .filter(([key, bound]) => !(after[key] <= bound))
    .map(([key, bound]) => `${key}: ${before[key]} -> ${after[key]}, at most ${bound}`)
}

/** What users noticed, in words. */
export const losses = (ledger) => [
  ...LOST.filter((key) => ledger[key] > 0).map((key) => `${key}: ${ledger[key]}`),
  ...(ledger.heard > 0 ? [] : ['nobody heard anything']),
]

/** All samples of one name together, or those with a label. @throws Stop */
function valuesOf(page) {
  const samples = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return (name, label = '') => {
    if (!page.includes(`# TYPE ${name} `)) throw new Stop(`the gateway says nothing of ${name}`)
    return samples
      .filter((line) => line.startsWith(`${name} `) || (line.startsWith(`${name}{`) && line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }
}

/** On a connection of its own, which is closed afterwards: one that waits would be counted. @throws Stop */
function text(url) {
  return new Promise((resolve, reject) => {
    const fail = ({ message }) => reject(new Stop(`the gateway says no figures: ${message}`))
    const request = get(url, { agent: false, timeout: PATIENCE_MS }, (response) => {
      let body = ''
      response
        .setEncoding('utf8')
        .on('data', (chunk) => {
          body += chunk
        })
        .on('end', () => resolve(body))
        .on('error', fail)
    })
    request.on('timeout', () => request.destroy(new Error('no answer'))).on('error', fail)
  })
}
