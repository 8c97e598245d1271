import type { Events } from '../core/events.ts'
import type { Clock, Directory, Publishers } from '../core/ports.ts'
import { registry } from './registry.ts'
import { registryClient } from './registryClient.ts'

export interface PublishersOptions {
  /** Addresses that stand in the configuration. */
  readonly notifiers: readonly string[]
  /** `serve`: we are the registry; otherwise it is asked. */
  readonly registry: { readonly serve: boolean; readonly rep: string; readonly pub: string }
  readonly directory: Directory
  readonly clock: Clock
  readonly events: Events
}

/** The notifiers of the configuration and those that the registry knows, be it ours or another. @throws StartError */
export async function openPublishers(options: PublishersOptions): Promise<Publishers & { close(): Promise<void> }> {
  const { notifiers, directory, clock, events } = options
  const { serve, rep, pub } = options.registry
  const parts = { rep, pub, clock, events }
  const client = serve ? undefined : registryClient(parts)
  const service = client ?? registry({ ...parts, directory })
  const known: Publishers = client ?? directory
  await service.open()
  return {
    addresses: () => [...new Set([...notifiers, ...known.addresses()])],
    onChange: (listener) => known.onChange(listener),
    close: () => service.close(),
  }
}
