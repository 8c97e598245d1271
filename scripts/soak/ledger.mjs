// Who was told what, and who heard it.

/** What a tab has not heard by then is missing. */
const PATIENCE_MS = 10_000
/** So long a notification may be under way on a busy machine. */
const LATE_MS = 4000
/** A filter may need so long from the greeting to every notifier. */
const SETTLE_MS = 2000

export class Ledger {
  sent = 0
  heard = 0
  missing = 0
  doubled = 0
  misrouted = 0
  refused = 0
  cut = 0
  #tabs = new Map()
  /** Number of a notification -> the tabs that must hear it, and who sent it. */
  #open = new Map()
  #count = 0

  /** A user was greeted. */
  greeted(tab, user) {
    this.#tabs.set(tab, { user, since: performance.now(), heard: new Set() })
  }

  /** It goes of its own will: what was sent a while ago it has heard, or never would have. */
  left(tab) {
    const due = performance.now() - LATE_MS
    for (const { at, tabs } of this.#open.values()) if (tabs.delete(tab) && at < due) this.missing++
    this.#tabs.delete(tab)
  }

  get users() {
    return [...new Set([...this.#tabs.values()].map(({ user }) => user))]
  }

  /** Numbers a notification that is about to be sent. `*` is for everybody. */
  send(sender, to) {
    this.#expire()
    const now = performance.now()
    const tabs = [...this.#tabs]
      .filter(([, { user, since }]) => (to === '*' || user === to) && now - since > SETTLE_MS)
      .map(([tab]) => tab)
    const number = ++this.#count
    this.sent++
    this.#open.set(number, { sender, at: now, tabs: new Set(tabs) })
    return number
  }

  hear(tab, { to, number }) {
    const state = this.#tabs.get(tab)
    if (state === undefined) return
    this.heard++
    if (to !== '*' && to !== state.user) this.misrouted++
    if (state.heard.has(number)) this.doubled++
    state.heard.add(number)
    this.#open.get(number)?.tabs.delete(tab)
  }

  /** Nothing of this sender since then counts as missing: it was killed. */
  excuse(sender, since) {
    for (const [number, open] of this.#open) if (open.sender === sender && open.at >= since) this.#open.delete(number)
  }

  fail(number) {
    this.#open.delete(number)
    this.refused++
  }

  #expire() {
    const due = performance.now() - PATIENCE_MS
    for (const [number, { at, tabs }] of this.#open) {
      if (at > due) return
      this.#open.delete(number)
      // Who has left in the meantime need not have heard it.
      for (const tab of tabs) if (this.#tabs.has(tab)) this.missing++
    }
  }
}
