import { randomBytes } from 'node:crypto'
import { encodeUserId } from '../../core/address.ts'
import type { Position } from '../../core/notification.ts'
import type { Clock } from '../../core/ports.ts'
import { wakefulClock } from '../notifier/clock.ts'
import { NotifierError, notifierError } from '../notifier/errors.ts'
import { whole } from '../notifier/options.ts'
import { Courier } from './courier.ts'
import { openLine } from './line.ts'
import type { KeptOptions } from './request.ts'
import { request } from './request.ts'
import type { SenderOptions } from './senderOptions.ts'
import { readOptions } from './senderOptions.ts'

/** A program that tells users things they must not miss: kept in their inboxes, and acknowledged. */
export interface Sender {
  /**
   * Tells one user, or up to 1,000. The body is any JSON value; bytes (`Uint8Array`) must be JSON and go out byte for
   * byte. Resolves when every copy is stored; until then it is sent again, under the same id.
   * @throws NotifierError `draft.…` or what a gateway refused it with, for good; `spool.full` at once when too many wait;
   *   `notifier.closed`; `notifier.unacknowledged` when the sender closed before an answer came
   */
  notify(users: string | readonly string[], body: unknown, options?: KeptOptions): Promise<Acknowledged>
  /** Tells everybody who is subscribed to the channel, live: whoever is not there never hears of it. */
  toChannel(
    channel: string,
    body: unknown,
    options?: LiveOptions & { readonly event?: string | undefined },
  ): Promise<Acknowledged>
  /** Tells everybody who is connected, live. */
  toEveryone(body: unknown, options?: LiveOptions & Pick<KeptOptions, 'type'>): Promise<Acknowledged>
  /**
   * Waits until everything is answered, at most `drainMs` (default 5,000; 0 to 600,000), and closes. Resolves with the
   * ids that no gateway has acknowledged; their `notify()` rejects with `notifier.unacknowledged`.
   */
  close(options?: { readonly drainMs?: number | undefined }): Promise<readonly string[]>
}

export type LiveOptions = Pick<KeptOptions, 'id' | 'ttl' | 'collapse'>

export interface Acknowledged {
  readonly id: string
  /** true: no recipient got a new copy, for each had this id already. */
  readonly duplicate: boolean
  /** Where each user's copy stands in the inbox. */
  readonly positions: Readonly<Record<string, Position>>
  /** Which life of the store has it; undefined where nothing was to be kept. */
  readonly store: string | undefined
}

/** @throws NotifierError `notifier.options` */
export function createSender(options: SenderOptions = {}, clock: Clock = wakefulClock): Sender {
  const settings = readOptions(options)
  const { source, maxBytes, timeoutMs } = settings
  const courier = new Courier(settings, {
    clock,
    random: Math.random,
    connect: (address, ears) => openLine(address, timeoutMs, ears),
  })
  let closing: Promise<readonly string[]> | undefined

  /** Up to the spool without an await: the order of the calls is the order of sending. */
  async function send(recipients: ReadonlyMap<string, string>, body: unknown, options: KeptOptions) {
    if (closing !== undefined) throw notifierError('notifier.closed')
    const id = options.id ?? newId()
    const { duplicate, positions, store } = await courier.send(
      request(recipients, body, { ...options, id }, source, maxBytes),
    )
    return { id, duplicate, positions: named(positions, recipients), store }
  }

  return {
    notify: async (users, body, options = {}) => await send(usersOnTheWire(users), body, options),
    toChannel: async (channel, body, { event, ...options } = {}) =>
      await send(new Map([[`#${channel}`, channel]]), body, { ...options, type: event }),
    toEveryone: async (body, options = {}) => await send(new Map([['*', '*']]), body, options),
    async close({ drainMs } = {}) {
      const ms = whole('drainMs', drainMs, 5000, 0, 600_000)
      closing ??= courier.close(ms)
      return await closing
    },
  }
}

function usersOnTheWire(users: unknown): ReadonlyMap<string, string> {
  const list: readonly unknown[] = Array.isArray(users) ? users : [users]
  const isText = (user: unknown) => typeof user === 'string'
  if (!list.every(isText)) throw new NotifierError('draft.recipient', 'A user id is a text.')
  return new Map(list.map((user) => [encodeUserId(user), user]))
}

/** By the names that the caller used. */
const named = (positions: ReadonlyMap<string, Position>, names: ReadonlyMap<string, string>) =>
  Object.fromEntries([...positions].map(([wire, position]) => [names.get(wire) ?? wire, position]))

/** Unlike any other, in this process and in all others. */
const newId = () => randomBytes(16).toString('base64url')
