// Puts what was measured where people read it: between markers, so that the text around it stays.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/** Answers whether the file has the markers `<!-- name -->` and `<!-- /name -->`. */
export function replaceBetweenMarkers(file, name, text) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const now = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const [from, to] = [now.indexOf(begin), now.indexOf(end)]
  if (from < 0 || to < from) return false
  writeFileSync(file, `${now.slice(0, from + begin.length)}\n\n${text}\n\n${now.slice(to)}`)
  return true
}
