import { parseDecimal, parseUtf8 } from './pickleText.ts'
import { checkBounds, PY_LIMITS, type PyDict, type PyLimits, type PyValue, setEntry } from './pyValue.ts'
import { malformed, overLimit } from './refusals.ts'

/**
 * Reads JSON as Python writes it. `JSON.parse` rounds what is beyond 2^53, and a rounded id is somebody else's.
 * @throws GatewayError with the reason LIMIT or MALFORMED
 */
export function readJson(bytes: Uint8Array, limits: PyLimits = PY_LIMITS): PyValue {
  if (bytes.length > limits.maxBytes) throw overLimit(`more than ${limits.maxBytes} bytes`)
  const parser = new JsonParser(parseUtf8(bytes), limits)
  const value = parser.value(0)
  parser.end()
  checkBounds(value, limits)
  return value
}

const SPACE = /[ \t\n\r]*/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these may not stand in a JSON string unescaped
const STRING = /"(?:[^"\\\u0000-\u001f]|\\.)*"/y
const WORD = /-?[A-Za-z]+/y
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y
const WORDS: ReadonlyMap<string, PyValue> = new Map<string, PyValue>([
  ['null', { t: 'none' }],
  ['true', { t: 'bool', v: true }],
  ['false', { t: 'bool', v: false }],
  // Python's json writes these three too.
  ['NaN', { t: 'float', v: Number.NaN }],
  ['Infinity', { t: 'float', v: Number.POSITIVE_INFINITY }],
  ['-Infinity', { t: 'float', v: Number.NEGATIVE_INFINITY }],
])

class JsonParser {
  readonly #text: string
  readonly #limits: PyLimits
  #at = 0

  constructor(text: string, limits: PyLimits) {
    this.#text = text
    this.#limits = limits
  }

  value(depth: number): PyValue {
    if (depth > this.#limits.maxDepth) throw overLimit(`nested deeper than ${this.#limits.maxDepth}`)
    this.#take(SPACE)
    const next = this.#text.charAt(this.#at)
    if (next === '{') return this.#dict(depth)
    if (next === '[') return this.#list(depth)
    if (next === '"') return { t: 'str', v: this.#string() }
    const word = this.#take(WORD)
    if (word === null) return this.#number()
    const known = WORDS.get(word[0])
    if (known === undefined) throw malformed('a word that JSON does not know')
    return known
  }

  end(): void {
    this.#take(SPACE)
    if (this.#at < this.#text.length) throw malformed('text after the end')
  }

  #dict(depth: number): PyDict {
    const dict: PyDict = { t: 'dict', v: new Map() }
    this.#at++
    if (this.#skip('}')) return dict
    do {
      this.#take(SPACE)
      const key: PyValue = { t: 'str', v: this.#string() }
      if (!this.#skip(':')) throw malformed('a key without a value')
      setEntry(dict, key, this.value(depth + 1))
    } while (this.#skip(','))
    if (!this.#skip('}')) throw malformed('an object without its end')
    return dict
  }

  #list(depth: number): PyValue {
    const items: PyValue[] = []
    this.#at++
    if (this.#skip(']')) return { t: 'list', v: items }
    do items.push(this.value(depth + 1))
    while (this.#skip(','))
    if (!this.#skip(']')) throw malformed('an array without its end')
    return { t: 'list', v: items }
  }

  #string(): string {
    const literal = this.#take(STRING)
    if (literal === null) throw malformed('a string that is none')
    try {
      return String(JSON.parse(literal[0]))
    } catch {
      // The parser's own message quotes the session.
      throw malformed('a string with an escape that is none')
    }
  }

  #number(): PyValue {
    const number = this.#take(NUMBER)
    if (number === null) throw malformed('a value that is none')
    const [text, fraction, exponent] = number
    if (fraction === undefined && exponent === undefined) return { t: 'int', v: parseDecimal(text, this.#limits) }
    return { t: 'float', v: Number(text) }
  }

  #skip(character: string): boolean {
    this.#take(SPACE)
    if (this.#text.charAt(this.#at) !== character) return false
    this.#at++
    return true
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match !== null) this.#at = pattern.lastIndex
    return match
  }
}
