// Who was told what, and who heard it. What is lost is told by order and not by the clock: on a busy machine much is late.
import { timeOfDay } from './loop.mjs'

/** The filter of somebody new has reached every notifier. */
const SETTLE_MS = 5000
/** Others have heard what the same notifier sent later; who has not heard this by now never will. */
const OVERDUE_MS = 10_000
const TICK_MS = 100
/** Of what went wrong, the first is said in words. */
const MAX_NOTES = 20

export class Ledger {
  sent = 0
  heard = 0
  missing = 0
  doubled = 0
  misrouted = 0
  refused = 0
  cut = 0
  #tabs = new Map()
  /** Number of a notification -> who sent it, and the tabs that have not heard it yet. */
  #open = new Map()
  #count = 0
  #notes = 0
  /** Stands still while this process does: what waited for us was not late. */
  #now = 0
  #ticking = setInterval(() => {
    this.#now += TICK_MS
  }, TICK_MS)

  close() {
    clearInterval(this.#ticking)
  }

  get users() {
    return [...new Set([...this.#tabs.values()].map(({ user }) => user))]
  }

  /** How many have not been heard by all who should hear them. */
  get outstanding() {
    return this.#open.size
  }

  /** A user was greeted. */
  greeted(tab, user) {
    this.#tabs.set(tab, { user, since: this.#now, heard: new Set() })
  }

  /** It goes of its own will: what is only late is nobody's fault. */
  left(tab) {
    for (const [number, open] of this.#open) {
      const isLost = open.tabs.has(tab) && open.passedAt !== undefined && this.#now - open.passedAt > OVERDUE_MS
      if (isLost) this.#lose(tab, number, 'though others heard what was sent later')
      this.#strike(tab, number)
    }
    this.#tabs.delete(tab)
  }

  cutOff(user, reason) {
    this.cut++
    this.#note(`${user} was cut off: ${reason}`)
  }

  /** Numbers a notification that is about to be sent. `*` is for everybody. */
  send(sender, to) {
    const tabs = [...this.#tabs]
      .filter(([, { user, since }]) => (to === '*' || user === to) && this.#now - since > SETTLE_MS)
      .map(([tab]) => tab)
    const number = ++this.#count
    this.sent++
    if (tabs.length > 0) this.#open.set(number, { sender, to, tabs: new Set(tabs), passedAt: undefined })
    return number
  }

  hear(tab, { to, number }) {
    const state = this.#tabs.get(tab)
    if (state === undefined) return
    this.heard++
    if (to !== '*' && to !== state.user) {
      this.misrouted++
      this.#note(`${state.user} heard ${number}, which was for ${to}`)
    }
    if (state.heard.has(number)) {
      this.doubled++
      this.#note(`${state.user} heard ${number} twice`)
    }
    state.heard.add(number)
    this.#pass(tab, number)
    this.#strike(tab, number)
  }

  /** It has said all: what was not heard by then is soon overdue. */
  ended(sender) {
    for (const open of this.#open.values()) if (open.sender === sender) open.passedAt ??= this.#now
  }

  /** It was killed: what it had in hand may be gone. */
  excuse(sender) {
    for (const [number, open] of this.#open) if (open.sender === sender) this.#open.delete(number)
  }

  fail(number) {
    this.#open.delete(number)
    this.refused++
    this.#note(`${number} was refused by its notifier`)
  }

  /** Nothing was sent for a long time, and nothing will: whatever is outstanding is lost. */
  settle() {
    for (const [number, { tabs }] of this.#open)
      for (const tab of tabs) {
        this.#lose(tab, number, 'to the end')
        this.#strike(tab, number)
      }
  }

  /** One notifier's words arrive in their order. */
  #pass(tab, number) {
    const sender = this.#open.get(number)?.sender
    if (sender === undefined) return
    for (const [earlier, open] of this.#open) {
      if (earlier >= number) return
      if (open.sender !== sender) continue
      open.passedAt ??= this.#now
      if (!open.tabs.has(tab)) continue
      this.#lose(tab, earlier, `and then ${number} of the same notifier`)
      this.#strike(tab, earlier)
    }
  }

  #strike(tab, number) {
    const open = this.#open.get(number)
    open?.tabs.delete(tab)
    if (open?.tabs.size === 0) this.#open.delete(number)
  }

  #lose(tab, number, circumstance) {
    this.missing++
    this.#note(`${this.#tabs.get(tab)?.user} did not hear ${number} for ${this.#open.get(number)?.to}, ${circumstance}`)
  }

  #note(text) {
    if (++this.#notes <= MAX_NOTES) console.log(`${timeOfDay()} ${text}`)
  }
}
