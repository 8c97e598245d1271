/** Before the next attempt: doubles with every failure up to the longest, and half more or less, so that tabs spread. */
export function pauseAfter(failures: number, firstMs: number, longestMs: number, random = Math.random()): number {
  return Math.min(longestMs, firstMs * 2 ** (failures - 1)) * (0.5 + random)
}
