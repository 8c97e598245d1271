import type { Address } from './address.ts'
import type { Connection, Transport } from './ports.ts'

/** The connections of one transport that wait at one address. */
export interface Group {
  readonly transport: Transport
  readonly connections: Connection[]
}

const NOBODY: readonly Group[] = []

/** The one map from an address to the connections that wait there, grouped by transport. */
export class Hub {
  readonly #groups = new Map<Address, Group[]>()
  readonly #seats = new Map<Connection, Set<Address>>()

  /** From now on the connection exists; it hears nothing before it joins. */
  open(connection: Connection): void {
    this.#seats.set(connection, new Set())
  }

  /** Ask after every await: a browser may leave at any moment. */
  isOpen(connection: Connection): boolean {
    return this.#seats.has(connection)
  }

  join(connection: Connection, address: Address): void {
    const seats = this.#seats.get(connection)
    if (seats === undefined || seats.has(address)) return
    seats.add(address)
    const groups = this.#groups.get(address) ?? []
    this.#groups.set(address, groups)
    const group = groups.find(({ transport }) => transport === connection.transport)
    if (group === undefined) groups.push({ transport: connection.transport, connections: [connection] })
    else group.connections.push(connection)
  }

  leave(connection: Connection, address: Address): void {
    if (this.#seats.get(connection)?.delete(address) === true) this.#rise(connection, address)
  }

  /** The connection is gone. False when it was not here. */
  close(connection: Connection): boolean {
    const seats = this.#seats.get(connection)
    if (seats === undefined) return false
    this.#seats.delete(connection)
    for (const address of seats) this.#rise(connection, address)
    return true
  }

  /** Who waits at this address. The groups are the hub's own: read them at once, change nothing while you do. */
  at(address: Address): readonly Group[] {
    return this.#groups.get(address) ?? NOBODY
  }

  get connections(): IterableIterator<Connection> {
    return this.#seats.keys()
  }

  get size(): number {
    return this.#seats.size
  }

  /** How many addresses have somebody waiting. */
  get addresses(): number {
    return this.#groups.size
  }

  #rise(connection: Connection, address: Address): void {
    const groups = this.#groups.get(address)
    const group = groups?.find(({ transport }) => transport === connection.transport)
    if (groups === undefined || group === undefined) return
    const at = group.connections.indexOf(connection)
    const last = group.connections.pop()
    if (last !== undefined && last !== connection) group.connections[at] = last
    if (group.connections.length === 0) groups.splice(groups.indexOf(group), 1)
    if (groups.length === 0) this.#groups.delete(address)
  }
}
