import type { Clock, Directory } from '../core/ports.ts'
import { PublisherList } from '../core/publisherList.ts'

/** The registry's memory for one process: a restart begins with an empty list. */
export function memoryDirectory({ clock }: { readonly clock: Clock }): Directory {
  const publishers = new PublisherList(clock)
  return {
    addresses: () => publishers.addresses(),
    list: () => publishers.list(),
    add: (announcement) => void publishers.add(announcement),
    remove: (address) => publishers.remove(address),
    onChange: (listener) => publishers.onChange(listener),
    close: async () => publishers.close(),
  }
}
