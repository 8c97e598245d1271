import type { Address } from './address.ts'
import type { Connection, Writer } from './ports.ts'

/** The connections at one address that one writer serves. */
export interface Group {
  readonly writer: Writer
  readonly connections: Connection[]
}

const NOBODY: readonly Group[] = []

/** Where a connection stands in the groups that it joined, so that leaving a large one costs no search. */
type Seats = Map<Address, { readonly writer: Writer; place: number }>

/** The one map from an address to the connections that wait there, grouped by what writes to them. */
export class Hub {
  readonly #groups = new Map<Address, Group[]>()
  readonly #seats = new Map<Connection, Seats>()

  /** From now on the connection exists; it hears nothing before it joins. */
  open(connection: Connection): void {
    this.#seats.set(connection, new Map())
  }

  /** Ask after every await: a browser may leave at any moment. */
  isOpen(connection: Connection): boolean {
    return this.#seats.has(connection)
  }

  /** From now on it hears what goes to this address, through this writer; before it, through none or another one. */
  join(connection: Connection, address: Address, writer: Writer = connection.transport): void {
    const seats = this.#seats.get(connection)
    const before = seats?.get(address)
    if (seats === undefined || before?.writer === writer) return
    if (before !== undefined) this.#rise(connection, address, before)
    const groups = this.#groups.get(address) ?? []
    this.#groups.set(address, groups)
    const group = groups.find((group) => group.writer === writer)
    seats.set(address, { writer, place: group?.connections.length ?? 0 })
    if (group === undefined) groups.push({ writer, connections: [connection] })
    else group.connections.push(connection)
  }

  /** The connection is gone. False when it was not here. */
  close(connection: Connection): boolean {
    const seats = this.#seats.get(connection)
    if (seats === undefined) return false
    this.#seats.delete(connection)
    for (const [address, seat] of seats) this.#rise(connection, address, seat)
    return true
  }

  /** Who waits at this address. The groups are the hub's own: read them at once, change nothing while you do. */
  at(address: Address): readonly Group[] {
    return this.#groups.get(address) ?? NOBODY
  }

  /** How many connections are open. */
  get size(): number {
    return this.#seats.size
  }

  /** At how many addresses somebody waits. */
  get addresses(): number {
    return this.#groups.size
  }

  /** The last one of the group takes the seat that becomes free: order within a group means nothing. */
  #rise(connection: Connection, address: Address, { writer, place }: { writer: Writer; place: number }): void {
    const groups = this.#groups.get(address) ?? []
    const group = groups.find((group) => group.writer === writer)
    const last = group?.connections.pop()
    if (group === undefined || last === undefined) return
    if (last !== connection) {
      group.connections[place] = last
      this.#seats.get(last)?.set(address, { writer, place })
    }
    if (group.connections.length === 0) groups.splice(groups.indexOf(group), 1)
    if (groups.length === 0) this.#groups.delete(address)
  }
}
