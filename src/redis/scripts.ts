import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { printArguments } from './resp.ts'

export interface Script {
  readonly text: string
  /** What a call of it begins with, up to how many keys there are. */
  readonly called: string
}

/** What stands in each script: as an argument it would have to be read by each call. */
export interface Constants {
  /** How many an inbox holds. */
  readonly keep: number
  readonly standsMs: number
  /** What time it is, in milliseconds since 1970; undefined: what the store's own clock says. */
  readonly now: number | undefined
}

export type Argument = string | number

export type Scripts = ReturnType<typeof scriptsWith>

/** Each of them is made of files in scripts/, in this order. */
export function scriptsWith({ keep, standsMs, now }: Constants) {
  const constants = `local KEEP, STANDS, NOW = ${keep}, ${standsMs}, ${now ?? 'nil'}\n`
  const script = (keys: number, ...names: readonly (keyof typeof FILES)[]): Script => {
    const text = constants + names.map((name) => FILES[name]).join('\n')
    const sha = createHash('sha1').update(text).digest('hex')
    const called = printArguments(['EVALSHA', sha, keys])
    return { text, called }
  }
  return {
    keep: script(4, 'inbox', 'keep'),
    open: script(4, 'inbox', 'items', 'open'),
    list: script(4, 'inbox', 'items', 'list'),
    mark: script(4, 'inbox', 'mark'),
    renew: script(4, 'inbox', 'renew'),
    lives: script(4, 'inbox', 'lives'),
    sent: script(1, 'sent'),
  }
}

/** The command after which no call of it is refused, unless somebody flushes the scripts. */
export const loadOf = ({ text }: Script): readonly string[] => ['SCRIPT', 'LOAD', text]

const FILES = {
  inbox: read('inbox'),
  items: read('items'),
  keep: read('keep'),
  open: read('open'),
  list: read('list'),
  mark: read('mark'),
  renew: read('renew'),
  lives: read('lives'),
  sent: read('sent'),
}

function read(name: string): string {
  return readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8')
}
