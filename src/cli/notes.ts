import type { Config } from '../config/schema.ts'

/** What is valid and yet will surprise whoever wrote it; said on stderr by `start` and `check-config`. */
export function sayNotes({ sessions, http, apps }: Config): void {
  if (sessions.length === 0) say('sessions is empty: no browser will be let in')
  if (http.keys.length === 0) say('http.keys is empty: the HTTP API will refuse everybody, heraldo notify and tail too')
  if (apps.length > 0) say('apps is not served by this version: Pusher clients cannot connect')
}

const say = (note: string) => console.error(`heraldo: note: ${note}`)
