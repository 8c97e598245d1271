import type { Broker } from '../core/ports.ts'

/** One gateway alone: there is nobody to spread to, and nobody to hear from. */
export function memoryBroker(): Broker {
  return {
    follow: async () => {},
    unfollow() {},
    spread() {},
    onNotification() {},
    close: async () => {},
  }
}
