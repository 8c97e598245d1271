import { setImmediate as nextTurn } from 'node:timers/promises'
import { commandOf, messageOf } from './frames.ts'
import type { Peer } from './peer.ts'
import { ZmtpError } from './zmtpError.ts'

export const SUBSCRIBE = 1
export const CANCEL = 0

interface Filter {
  readonly what: typeof SUBSCRIBE | typeof CANCEL
  readonly recipient: string
}

/** A peer that takes no filters is given up before they fill the memory. */
const MAX_QUEUED_BYTES = 16_777_216
const MAX_CHANGES = 100_000
const PER_TURN = 2_000

/** What one publisher is told: first all filters there are, then whatever changes, in the order in which it changed. */
export class Filters {
  readonly #peer: Peer
  /** While it is told of all: what changed meanwhile. */
  #changes: Filter[] | undefined

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /**
   * Some in each turn of the event loop: a hundred thousand must not hold up everybody else. Resolves when all are out,
   * or never will be.
   */
  async introduce(recipients: Iterable<string>): Promise<void> {
    const peer = this.#peer
    const changes: Filter[] = []
    this.#changes = changes
    let told = 0
    for (const filter of allOf([...recipients], changes)) {
      peer.write(frameOf(filter, peer))
      if (++told % PER_TURN !== 0) continue
      await peer.drained()
      await nextTurn()
      if (!peer.isReady) return
    }
    this.#changes = undefined
  }

  tell(what: Filter['what'], recipient: string): void {
    const [peer, filter] = [this.#peer, { what, recipient }]
    if (this.#changes === undefined) peer.write(frameOf(filter, peer))
    else this.#changes.push(filter)
    if (peer.queuedBytes > MAX_QUEUED_BYTES || (this.#changes?.length ?? 0) > MAX_CHANGES) this.giveUp()
  }

  giveUp(): void {
    this.#peer.close(new ZmtpError('it takes no filters', 'silent'))
  }
}

function* allOf(recipients: readonly string[], changes: readonly Filter[]): Iterable<Filter> {
  for (const recipient of recipients) yield { what: SUBSCRIBE, recipient }
  // More come meanwhile.
  yield* changes
}

/** A prefix that ends in the bar, or `42` would hear `420` too. */
function frameOf({ what, recipient }: Filter, peer: Peer): Buffer {
  const prefix = Buffer.from(`${recipient}|`)
  if (!peer.knowsCommands) return messageOf([Buffer.concat([Buffer.of(what), prefix])])
  return commandOf(what === SUBSCRIBE ? 'SUBSCRIBE' : 'CANCEL', prefix)
}
