import { MAX_ID_LENGTH, publicId } from '../core/draft.ts'
import type { Copy } from '../core/inbox.ts'

/** What a copy's id is in its user's inbox. The source's length tells "a:b" + "c" and "a" + "b:c" apart. */
export const claimOf = (copy: Pick<Copy, 'source' | 'id'>): string => `${copy.source.length}:${publicId(copy, copy.id)}`

const MAX_SOURCE_LENGTH = 200

/** All that an id as browsers see it may stand for: there was no source, or it ended at one of the colons. */
export function claimsOf(id: string): string[] {
  const claims: string[] = []
  if (id.length <= MAX_ID_LENGTH) claims.push(`0:${id}`)
  const first = Math.max(1, id.length - 1 - MAX_ID_LENGTH)
  const last = Math.min(MAX_SOURCE_LENGTH, id.length - 2)
  for (let at = id.indexOf(':', first); at !== -1 && at <= last; at = id.indexOf(':', at + 1))
    claims.push(`${at}:${id}`)
  return claims
}
