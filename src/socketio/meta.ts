import type { Notification } from '../core/notification.ts'

/**
 * Prints what a notification's second argument says, as `JSON.stringify` would and several times as quickly: most of it
 * needs no escapes, and what was said last was of the same type in the same millisecond.
 */
export function metaPrinter(): (notification: Notification) => string {
  let lastType: string | undefined
  let lastAt: number | undefined
  let typeAndAt = ''
  return ({ id, type, at, kept, expiresAt, collapse }) => {
    if (type !== lastType || at !== lastAt) {
      lastType = type
      lastAt = at
      typeAndAt = `,"type":${quote(type)},"at":${at}`
    }
    let more = ''
    if (kept !== undefined) more = placeOf(kept)
    if (expiresAt !== undefined) more += `,"expiresAt":${expiresAt}`
    if (collapse !== undefined) more += `,"collapse":${quote(collapse)}`
    return `{"id":${quote(id)}${typeAndAt}${more}}`
  }
}

/** The flags stand there when they are true. */
function placeOf({ seq, epoch, read, seen, archived }: NonNullable<Notification['kept']>): string {
  const flags = `${read ? ',"read":true' : ''}${seen ? ',"seen":true' : ''}${archived ? ',"archived":true' : ''}`
  return `,"seq":${seq},"epoch":${quote(epoch)}${flags}`
}

/** Nothing in it needs an escape. */
const PLAIN = /^[\w .:/@#-]*$/

export const quote = (text: string) => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text))
