import { sessionRefused } from '../core/errors.ts'
import { ByteCursor } from './byteCursor.ts'
import {
  type BlankUuid,
  buildUuid,
  type Global,
  type Item,
  type Maker,
  nameGlobal,
  newObject,
  plain,
  reduce,
} from './pickleGlobals.ts'
import {
  parseDecimal,
  parseFloatText,
  parseLittleEndian,
  parseQuoted,
  parseRawUnicodeEscape,
  parseUtf8,
} from './pickleText.ts'
import { checkBounds, latin1, PY_LIMITS, type PyDict, type PyLimits, type PyValue, setEntry } from './pyValue.ts'
import { malformed, overLimit, unsafe } from './refusals.ts'

/**
 * Reads a Python pickle, protocols 0 to 5, as data and nothing else: no name is looked up, nothing is called, and what
 * is not on the lists is refused. To be given only bytes whose owner proved to hold the session's key.
 * @throws GatewayError with the reason UNSAFE, LIMIT, MALFORMED or UNSUPPORTED
 */
export function readPickle(bytes: Uint8Array, limits: PyLimits = PY_LIMITS): PyValue {
  if (bytes.length > limits.maxBytes) throw overLimit(`more than ${limits.maxBytes} bytes`)
  const machine = new PickleMachine(bytes, limits)
  while (!machine.stopped) step(machine)
  const value = machine.result()
  checkBounds(value, limits)
  return value
}

function step(machine: PickleMachine): void {
  const opcode = machine.in.u8()
  const run = OPCODES[opcode]
  if (run === undefined) throw malformed(`the opcode 0x${opcode.toString(16)}`)
  run(machine)
}

/** The stack machine that a pickle is a program for. */
class PickleMachine implements Maker {
  readonly in: ByteCursor
  readonly limits: PyLimits
  stopped = false
  readonly #stack: Item[] = []
  readonly #marks: number[] = []
  readonly #memo = new Map<number, Item>()
  readonly #blanks = new Map<Item, BlankUuid>()
  #spent = 0

  constructor(bytes: Uint8Array, limits: PyLimits) {
    this.in = new ByteCursor(bytes)
    this.limits = limits
  }

  push(item: Item): void {
    this.#stack.push(item)
    this.#boundStack()
  }

  pop(): Item {
    // What lies below the last mark belongs to whoever set the mark.
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw malformed('an empty stack')
    return this.#stack.pop() as Item
  }

  top(): Item {
    const item = this.pop()
    this.#stack.push(item)
    return item
  }

  mark(): void {
    this.#marks.push(this.#stack.length)
    this.#boundStack()
  }

  popToMark(): Item[] {
    const from = this.#marks.pop()
    if (from === undefined) throw malformed('no mark')
    return this.#stack.splice(from)
  }

  /** `POP` takes a mark away when that is what is on top. */
  discard(): void {
    if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop()
    else this.pop()
  }

  get memoSize(): number {
    return this.#memo.size
  }

  remember(index: number): void {
    if (index >= this.limits.maxBytes) throw overLimit('a reference beyond what a pickle can hold')
    this.#memo.set(index, this.top())
  }

  recall(index: number): void {
    const item = this.#memo.get(index)
    if (item === undefined) throw malformed('a reference to nothing')
    this.push(item)
  }

  spend(size: number): void {
    this.#spent += size
    if (this.#spent > this.limits.maxBytes) throw overLimit('values made from references again and again')
  }

  blankUuid(): BlankUuid {
    const blank: BlankUuid = { t: 'uuid', v: '' }
    this.#blanks.set(blank, blank)
    return blank
  }

  build(): void {
    const state = this.pop()
    const item = this.top()
    const blank = this.#blanks.get(item)
    if (blank === undefined) throw unsafe('the state of an object')
    buildUuid(blank, state)
    this.#blanks.delete(item)
  }

  result(): PyValue {
    if (!this.in.isAtEnd) throw malformed('bytes after the end')
    if (this.#stack.length !== 1 || this.#marks.length > 0) throw malformed('not exactly one value')
    if (this.#blanks.size > 0) throw malformed('a UUID without its state')
    return plain(this.pop())
  }

  #boundStack(): void {
    if (this.#stack.length + this.#marks.length > this.limits.maxNodes)
      throw overLimit(`a stack of more than ${this.limits.maxNodes}`)
  }
}

type Run = (machine: PickleMachine) => void

const int = (v: bigint): PyValue => ({ t: 'int', v })
const str = (bytes: Uint8Array): PyValue => ({ t: 'str', v: parseUtf8(bytes) })
const asciiLine = (machine: PickleMachine) => latin1(machine.in.line())

const OPCODES: Readonly<Record<number, Run>> = {
  // how it is written
  [0x80]: (m) => {
    const protocol = m.in.u8()
    if (protocol > 5) throw sessionRefused('UNSUPPORTED', `pickle protocol ${protocol}`)
  },
  [0x95]: (m) => m.in.expect(m.in.u64()),
  [code('.')]: (m) => {
    m.stopped = true
  },
  // the stack and the memo
  [code('(')]: (m) => m.mark(),
  [code('0')]: (m) => m.discard(),
  [code('1')]: (m) => void m.popToMark(),
  [code('2')]: (m) => m.push(m.top()),
  [code('p')]: (m) => m.remember(memoIndex(m)),
  [code('q')]: (m) => m.remember(m.in.u8()),
  [code('r')]: (m) => m.remember(m.in.u32()),
  [0x94]: (m) => m.remember(m.memoSize),
  [code('g')]: (m) => m.recall(memoIndex(m)),
  [code('h')]: (m) => m.recall(m.in.u8()),
  [code('j')]: (m) => m.recall(m.in.u32()),
  // values of one piece
  [code('N')]: (m) => m.push({ t: 'none' }),
  [0x88]: (m) => m.push({ t: 'bool', v: true }),
  [0x89]: (m) => m.push({ t: 'bool', v: false }),
  [code('I')]: (m) => {
    const text = asciiLine(m)
    if (text === '00' || text === '01') m.push({ t: 'bool', v: text === '01' })
    else m.push(int(parseDecimal(text, m.limits)))
  },
  [code('L')]: (m) => m.push(int(parseDecimal(asciiLine(m).replace(/L$/, ''), m.limits))),
  [code('J')]: (m) => m.push(int(BigInt(m.in.i32()))),
  [code('K')]: (m) => m.push(int(BigInt(m.in.u8()))),
  [code('M')]: (m) => m.push(int(BigInt(m.in.u16()))),
  [0x8a]: (m) => m.push(int(parseLittleEndian(m.in.take(m.in.u8()), m.limits))),
  [0x8b]: (m) => m.push(int(parseLittleEndian(m.in.take(m.in.i32()), m.limits))),
  [code('F')]: (m) => m.push({ t: 'float', v: parseFloatText(asciiLine(m)) }),
  [code('G')]: (m) => m.push({ t: 'float', v: m.in.f64() }),
  [code('V')]: (m) => m.push({ t: 'str', v: parseRawUnicodeEscape(m.in.line()) }),
  [code('X')]: (m) => m.push(str(m.in.take(m.in.u32()))),
  [0x8c]: (m) => m.push(str(m.in.take(m.in.u8()))),
  [0x8d]: (m) => m.push(str(m.in.take(m.in.u64()))),
  [code('S')]: (m) => m.push({ t: 'str8', v: parseQuoted(m.in.line()) }),
  [code('T')]: (m) => m.push({ t: 'str8', v: m.in.take(m.in.i32()) }),
  [code('U')]: (m) => m.push({ t: 'str8', v: m.in.take(m.in.u8()) }),
  [code('B')]: (m) => m.push({ t: 'bytes', v: m.in.take(m.in.u32()) }),
  [code('C')]: (m) => m.push({ t: 'bytes', v: m.in.take(m.in.u8()) }),
  [0x8e]: (m) => m.push({ t: 'bytes', v: m.in.take(m.in.u64()) }),
  [0x96]: (m) => m.push({ t: 'bytearray', v: m.in.take(m.in.u64()) }),
  // values of many
  [code(')')]: (m) => m.push({ t: 'tuple', v: [] }),
  [code('t')]: (m) => m.push(tuple(m.popToMark())),
  [0x85]: (m) => m.push(tuple([m.pop()])),
  [0x86]: (m) => m.push(tuple([m.pop(), m.pop()].reverse())),
  [0x87]: (m) => m.push(tuple([m.pop(), m.pop(), m.pop()].reverse())),
  [code(']')]: (m) => m.push({ t: 'list', v: [] }),
  [code('l')]: (m) => m.push({ t: 'list', v: m.popToMark().map(plain) }),
  [code('a')]: (m) => append(m, 'list', [m.pop()]),
  [code('e')]: (m) => append(m, 'list', m.popToMark()),
  [0x8f]: (m) => m.push({ t: 'set', v: [] }),
  [0x90]: (m) => append(m, 'set', m.popToMark()),
  [0x91]: (m) => m.push({ t: 'frozenset', v: m.popToMark().map(plain) }),
  [code('}')]: (m) => m.push({ t: 'dict', v: new Map() }),
  [code('d')]: (m) => m.push(fill({ t: 'dict', v: new Map() }, m.popToMark())),
  [code('s')]: (m) => setItems(m, [m.pop(), m.pop()].reverse()),
  [code('u')]: (m) => setItems(m, m.popToMark()),
  // names, and the data that is pickled through them
  [code('c')]: (m) => m.push(nameGlobal(parseUtf8(m.in.line()), parseUtf8(m.in.line()))),
  [0x93]: (m) => m.push(stackGlobal(m)),
  [code('R')]: (m) => {
    const args = m.pop()
    m.push(reduce(m.pop(), args, m))
  },
  [0x81]: (m) => {
    const args = m.pop()
    m.push(newObject(m.pop(), args, m))
  },
  [code('b')]: (m) => m.build(),
  // what only programs need
  [code('i')]: refused('INST'),
  [code('o')]: refused('OBJ'),
  [0x92]: refused('NEWOBJ_EX'),
  [code('P')]: refused('PERSID'),
  [code('Q')]: refused('BINPERSID'),
  [0x82]: refused('EXT1'),
  [0x83]: refused('EXT2'),
  [0x84]: refused('EXT4'),
  [0x97]: refused('NEXT_BUFFER'),
  [0x98]: refused('READONLY_BUFFER'),
}

function code(character: string): number {
  return character.charCodeAt(0)
}

function refused(name: string): Run {
  return () => {
    throw unsafe(`the opcode ${name}`)
  }
}

function memoIndex(machine: PickleMachine): number {
  const text = asciiLine(machine)
  if (!/^[0-9]{1,15}$/.test(text)) throw malformed('a reference that is no number')
  return Number(text)
}

function tuple(items: Item[]): Item {
  return items.every(isData) ? { t: 'tuple', v: items } : { t: 'mixed', v: items }
}

function isData(item: Item): item is PyValue {
  return item.t !== 'global' && item.t !== 'mixed'
}

function append(machine: PickleMachine, to: 'list' | 'set', items: readonly Item[]): void {
  const target = machine.top()
  if (target.t !== to) throw malformed(`no ${to} to add to`)
  if (target.v.length + items.length > machine.limits.maxNodes) throw overLimit(`a ${to} that holds too much`)
  for (const item of items) target.v.push(plain(item))
}

function setItems(machine: PickleMachine, items: readonly Item[]): void {
  const target = machine.top()
  if (target.t !== 'dict') throw malformed('no dictionary to add to')
  fill(target, items)
}

function fill(dict: PyDict, items: readonly Item[]): PyDict {
  for (let at = 0; at < items.length; at += 2) {
    const [key, value] = [items[at], items[at + 1]]
    if (key === undefined || value === undefined) throw malformed('a key without a value')
    setEntry(dict, plain(key), plain(value))
  }
  return dict
}

function stackGlobal(machine: PickleMachine): Global {
  const name = machine.pop()
  const module = machine.pop()
  if (name.t !== 'str' || module.t !== 'str') throw malformed('a name that is no text')
  return nameGlobal(module.v, name.v)
}
