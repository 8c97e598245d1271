/**
 * One listener for all emitters of a kind, which is told whose event it hears. A closure for each of them would take
 * more memory than most of what it closes over.
 */
export const shared = <E, A extends unknown[]>(hear: (emitter: E, ...args: A) => void) =>
  function (this: E, ...args: A): void {
    hear(this, ...args)
  }
