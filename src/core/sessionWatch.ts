import { asGatewayError, sessionRefused } from './errors.ts'
import type { Clock } from './ports.ts'
import type { Handshake, Session } from './session.ts'

export interface SessionWatchParts<K> {
  /** Who is this, as at the handshake. */
  readonly recognise: (handshake: Handshake) => Promise<Session>
  /** The session is over. The key is forgotten already. */
  readonly onEnd: (key: K) => void
  /** How often each is judged again, about. */
  readonly everyMs: number
  readonly clock: Clock
  /** From 0 up to 1: spreads the readings of those who came together. */
  readonly random: () => number
}

interface Watched {
  handshake: Handshake
  session: Session
  cancel: () => void
}

const AGAIN_MS = 5_000

/**
 * Looks after sessions while their connections stay: logging out elsewhere, or time, ends them. Each is judged again
 * every now and then and at its end, with the credential that it came with. A store that is away ends nobody before
 * the end that is known.
 */
export class SessionWatch<K> {
  readonly #parts: SessionWatchParts<K>
  readonly #watched = new Map<K, Watched>()

  constructor(parts: SessionWatchParts<K>) {
    this.#parts = parts
  }

  watch(key: K, handshake: Handshake, session: Session): void {
    this.forget(key)
    const watched = { handshake, session, cancel: () => {} }
    this.#watched.set(key, watched)
    this.#judgeLater(key, watched, this.#parts.everyMs)
  }

  /**
   * A fresh credential for somebody who is watched: from now on it counts. Of another user it is refused, and the old one stays.
   * @throws GatewayError as at the handshake
   */
  async renew(key: K, fresh: Pick<Handshake, 'token'>): Promise<Session> {
    const watched = this.#watched.get(key)
    if (watched === undefined) throw sessionRefused('NO_SESSION')
    const handshake = {
      ...watched.handshake,
      ...fresh,
      cookie: undefined,
      authorization: undefined,
      at: this.#parts.clock.now(),
    }
    const session = await this.#parts.recognise(handshake)
    if (session.user.id !== watched.session.user.id) throw sessionRefused('BAD_CLAIM')
    if (this.#watched.get(key) === watched) this.watch(key, handshake, session)
    return session
  }

  forget(key: K): void {
    this.#watched.get(key)?.cancel()
    this.#watched.delete(key)
  }

  #judgeLater(key: K, watched: Watched, aboutMs: number): void {
    const { clock, random } = this.#parts
    const untilEnd = (watched.session.expiresAt ?? Number.POSITIVE_INFINITY) - clock.now()
    const pause = aboutMs * (0.75 + random() / 2)
    watched.cancel = clock.later(Math.max(0, Math.min(pause, untilEnd)), () => void this.#judge(key, watched))
  }

  async #judge(key: K, watched: Watched): Promise<void> {
    const { recognise, clock } = this.#parts
    const verdict = await recognise({ ...watched.handshake, at: clock.now() }).catch(asGatewayError)
    if (this.#watched.get(key) !== watched) return
    if (!(verdict instanceof Error)) {
      if (verdict.user.id !== watched.session.user.id) return this.#end(key)
      watched.session = verdict
      return this.#judgeLater(key, watched, this.#parts.everyMs)
    }
    const { expiresAt } = watched.session
    const isOver = verdict.code.startsWith('session.') || (expiresAt !== undefined && expiresAt <= clock.now())
    if (isOver) this.#end(key)
    else this.#judgeLater(key, watched, AGAIN_MS)
  }

  #end(key: K): void {
    this.forget(key)
    this.#parts.onEnd(key)
  }
}
