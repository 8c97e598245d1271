// Notifiers that tell the crowd things, and are closed, killed and started again.
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../prepare.mjs'
import { between, loop, oneOf, rest } from './loop.mjs'

const NUMBER = 3
/** Longer than it may take to get rid of its last words. */
const LEAVE_MS = 90_000
const PROGRAM = join(root, 'scripts', 'soak', 'notifierProcess.mjs')

export class Notifiers {
  restarts = 0
  #scene
  #all = []

  constructor(scene) {
    this.#scene = scene
  }

  async start() {
    for (let place = 0; place < NUMBER; place++) this.#all.push({ name: `soak-${place}`, talks: false })
    await Promise.all(this.#all.map((one) => this.#open(one)))
  }

  talk(over) {
    const { ledger } = this.#scene
    return loop(
      over,
      () => between(5, 40),
      () => {
        const to = Math.random() < 0.05 ? '*' : oneOf(ledger.users)
        const one = oneOf(this.#all.filter(({ talks }) => talks))
        if (to === undefined || one === undefined) return
        one.child.send({ to, number: ledger.send(one.child, to) })
      },
    )
  }

  restart(over) {
    return loop(
      over,
      () => between(5000, 12_000),
      async () => {
        const one = oneOf(this.#all)
        one.talks = false
        if (Math.random() < 0.5) await this.#kill(one)
        else await this.#leave(one)
        await rest(between(0, 2000), over)
        await this.#open(one)
      },
    )
  }

  async close() {
    await Promise.all(this.#all.map((one) => one.child !== undefined && this.#leave(one)))
  }

  async #open(one) {
    const child = fork(PROGRAM, [one.name, this.#scene.site.registry.rep], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    one.child = child
    child.gone = new Promise((resolve) => child.once('exit', resolve))
    const ready = new Promise((resolve) =>
      child.on('message', ({ failed }) => (failed === undefined ? resolve(true) : this.#scene.ledger.fail(failed))),
    )
    if ((await Promise.race([ready, child.gone])) !== true) throw new Error(`the notifier ${one.name} did not start`)
    one.talks = true
  }

  async #kill({ child }) {
    child.kill('SIGKILL')
    await child.gone
    this.#scene.ledger.excuse(child)
  }

  /** What it was told before it still sends. */
  async #leave({ child }) {
    if (child.connected) child.send({})
    const impatience = setTimeout(() => child.kill('SIGKILL'), LEAVE_MS)
    await child.gone
    clearTimeout(impatience)
    this.#scene.ledger.ended(child)
  }
}
