import { latin1, type PyDict, type PyValue, pyText, setEntry } from './pyValue.ts'
import { malformed, overLimit, unsafe } from './refusals.ts'

/** A name that a pickle mentions. It is compared with the list below and never looked up anywhere. */
export interface Global {
  readonly t: 'global'
  readonly name: string
}

/** What may lie on the stack: data, a name, or the arguments of a call that hold names themselves. */
export type Item = PyValue | Global | { readonly t: 'mixed'; readonly v: readonly Item[] }

/** A UUID before its state arrived. */
export interface BlankUuid {
  readonly t: 'uuid'
  v: string
}

/** What the reader lends to the making of values. */
export interface Maker {
  /** Bounds what it costs, over the whole pickle: references let one text be converted again and again. */
  spend(size: number): void
  /** A UUID whose state is still to come. */
  blankUuid(): BlankUuid
}

type Make = (args: readonly Item[], maker: Maker) => PyValue

const UUID = 'uuid.UUID'
const OBJECT = 'builtins.object'
const RECONSTRUCTOR = 'copyreg._reconstructor'
const RENAMED: Readonly<Record<string, string>> = { __builtin__: 'builtins', copy_reg: 'copyreg' }
const MAX_DECIMAL_LENGTH = 4_400
const DECIMAL = /^[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?|s?nan[0-9]*)$/i
const DAY_SECONDS = 86_400

/**
 * Data that Python pickles by a call: whole names only, each with the one shape of arguments that pickle itself writes.
 */
const MAKES: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['datetime.datetime', ([state, zone]) => ({ t: 'datetime', v: dateTime(bytesOf(state, 10), zone) })],
  ['datetime.date', ([state]) => ({ t: 'date', v: date(bytesOf(state, 4)) })],
  ['datetime.time', ([state, zone]) => ({ t: 'time', v: time(bytesOf(state, 6)) + offset(zone) })],
  ['datetime.timedelta', (args) => ({ t: 'timedelta', v: timedelta(args) })],
  ['datetime.timezone', ([delta]) => ({ t: 'timezone', v: timezone(delta) })],
  ['_codecs.encode', (args, maker) => ({ t: 'bytes', v: encode(args, maker) })],
  ['builtins.bytes', (args) => ({ t: 'bytes', v: args.length === 0 ? new Uint8Array() : refuse('bytes(…)') })],
  ['builtins.bytearray', (args, maker) => ({ t: 'bytearray', v: bytearray(args, maker) })],
  ['builtins.set', (args, maker) => ({ t: 'set', v: items(args, maker) })],
  ['builtins.frozenset', (args, maker) => ({ t: 'frozenset', v: items(args, maker) })],
  ['collections.OrderedDict', orderedDict],
  ['decimal.Decimal', ([text], maker) => ({ t: 'decimal', v: decimal(textOf(text, maker)) })],
])
const KNOWN = new Set([...MAKES.keys(), UUID, OBJECT, RECONSTRUCTOR])

/** @throws GatewayError with the reason UNSAFE for whatever is not on the list */
export function nameGlobal(module: string, name: string): Global {
  const full = `${RENAMED[module] ?? module}.${name}`
  if (!KNOWN.has(full)) throw unsafe(`the name ${printable(module)}.${printable(name)}`)
  return { t: 'global', name: full }
}

/** `REDUCE`: a call in Python; here the making of one known kind of data. */
export function reduce(callee: Item, args: Item, maker: Maker): PyValue {
  if (callee.t !== 'global') throw unsafe('a call of what is no name')
  if (args.t !== 'tuple' && args.t !== 'mixed') throw malformed('a call without a tuple of arguments')
  if (callee.name === RECONSTRUCTOR) {
    const [type, base, state] = args.v
    if (!isGlobal(type, UUID) || !isGlobal(base, OBJECT) || state?.t !== 'none') throw unsafe('_reconstructor')
    return maker.blankUuid()
  }
  const make = MAKES.get(callee.name)
  if (make === undefined) throw unsafe(`a call of ${callee.name}`)
  return make(args.v, maker)
}

/** `NEWOBJ` */
export function newObject(type: Item, args: Item, maker: Maker): PyValue {
  if (!isGlobal(type, UUID) || args.t !== 'tuple' || args.v.length > 0) throw unsafe('an object')
  return maker.blankUuid()
}

/** `BUILD`: `{'int': 1001}`, and since Python 3.7 maybe `is_safe`, which says nothing about the value. */
export function buildUuid(blank: BlankUuid, state: Item): void {
  if (state.t !== 'dict') throw malformed('a UUID without its state')
  let number: bigint | undefined
  for (const [key, value] of state.v.values()) {
    const name = key.t === 'str' ? key.v : key.t === 'str8' ? latin1(key.v) : ''
    if (name === 'int' && value.t === 'int') number = value.v
    else if (name !== 'is_safe') throw unsafe('the state of a UUID')
  }
  if (number === undefined || number < 0n || number >= 1n << 128n) throw malformed('a UUID that is none')
  blank.v = number
    .toString(16)
    .padStart(32, '0')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** What may stand inside data. */
export function plain(item: Item): PyValue {
  if (item.t === 'global' || item.t === 'mixed') throw unsafe('a name as a value')
  return item
}

const refuse = (what: string): never => {
  throw unsafe(what)
}
const isGlobal = (item: Item | undefined, name: string) => item?.t === 'global' && item.name === name
const printable = (text: string) => text.slice(0, 80).replace(/[^\w.]/g, '?')
const two = (number: number) => `${number}`.padStart(2, '0')

function bytesOf(item: Item | undefined, length: number): Uint8Array {
  if (item?.t !== 'bytes' && item?.t !== 'str8') throw malformed('a date or time without its bytes')
  if (item.v.length !== length) throw malformed('a date or time of another length')
  return item.v
}

function textOf(item: Item | undefined, maker: Maker): string {
  if (item?.t !== 'str' && item?.t !== 'str8') throw malformed('a call without its text')
  maker.spend(item.v.length)
  return item.t === 'str' ? item.v : pyText(item.v)
}

function dateTime(state: Uint8Array, zone: Item | undefined): string {
  return `${date(state.subarray(0, 4))}T${time(state.subarray(4))}${offset(zone)}`
}

function date([high = 0, low = 0, monthAndFold = 0, day = 0]: Uint8Array): string {
  const year = high * 256 + low
  const month = monthAndFold & 0x7f
  // Day 0 of the next month is the last of this one; the leap rule repeats every 400 years.
  const days = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days) throw malformed('no such date')
  return `${`${year}`.padStart(4, '0')}-${two(month)}-${two(day)}`
}

function time([hourAndFold = 0, minute = 0, second = 0, high = 0, middle = 0, low = 0]: Uint8Array): string {
  const hour = hourAndFold & 0x7f
  const micros = high * 65_536 + middle * 256 + low
  if (hour > 23 || minute > 59 || second > 59 || micros > 999_999) throw malformed('no such time')
  return `${two(hour)}:${two(minute)}:${two(second)}${fraction(micros)}`
}

function offset(zone: Item | undefined): string {
  if (zone === undefined || zone.t === 'none') return ''
  if (zone.t !== 'timezone') throw unsafe('a time zone of another kind')
  return zone.v
}

function timedelta(args: readonly Item[]): readonly [number, number, number] {
  const [days = 0, seconds = 0, micros = 0] = args.map((arg) =>
    arg.t === 'int' ? Number(arg.v) : refuse('the arguments of a timedelta'),
  )
  const fits =
    Math.abs(days) <= 999_999_999 && seconds >= 0 && seconds < DAY_SECONDS && micros >= 0 && micros < 1_000_000
  if (!fits) throw malformed('no such timedelta')
  return [days, seconds, micros]
}

function timezone(delta: Item | undefined): string {
  if (delta?.t !== 'timedelta') throw malformed('a time zone without its offset')
  const [days, seconds, micros] = delta.v
  const total = (days * DAY_SECONDS + seconds) * 1_000_000 + micros
  if (Math.abs(total) >= DAY_SECONDS * 1_000_000) throw malformed('no such time zone')
  const whole = Math.floor(Math.abs(total) / 1_000_000)
  const rest = fraction(Math.abs(total) % 1_000_000)
  const tail = whole % 60 > 0 || rest !== '' ? `:${two(whole % 60)}${rest}` : ''
  return `${total < 0 ? '-' : '+'}${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}${tail}`
}

const fraction = (micros: number) => (micros === 0 ? '' : `.${`${micros}`.padStart(6, '0')}`)

/** Only latin-1, the identity on bytes: other codecs decompress, or worse. */
function encode(args: readonly Item[], maker: Maker): Uint8Array {
  const text = textOf(args[0], maker)
  const codec = textOf(args[1], maker)
  if (args.length !== 2 || (codec !== 'latin1' && codec !== 'latin-1')) throw unsafe('_codecs.encode')
  if (/[^\0-\xff]/.test(text)) throw malformed('bytes beyond 255')
  return Buffer.from(text, 'latin1')
}

function bytearray(args: readonly Item[], maker: Maker): Uint8Array {
  const [first] = args
  if (first === undefined) return new Uint8Array()
  if (args.length > 1) return encode(args, maker)
  if (first.t !== 'bytes') throw unsafe('bytearray(…)')
  maker.spend(first.v.length)
  return Uint8Array.from(first.v)
}

function items([list, ...rest]: readonly Item[], maker: Maker): PyValue[] {
  if (list === undefined) return []
  if ((list.t !== 'list' && list.t !== 'tuple') || rest.length > 0) throw malformed('a set without its list')
  maker.spend(list.v.length)
  return [...list.v]
}

function orderedDict(args: readonly Item[], maker: Maker): PyDict {
  const dict: PyDict = { t: 'dict', v: new Map() }
  for (const pair of items(args, maker)) {
    if (pair.t !== 'list' && pair.t !== 'tuple') throw malformed('a dictionary without pairs')
    const [key, value] = pair.v
    if (key === undefined || value === undefined || pair.v.length > 2) throw malformed('a dictionary without pairs')
    setEntry(dict, key, value)
  }
  return dict
}

function decimal(text: string): string {
  if (text.length > MAX_DECIMAL_LENGTH) throw overLimit(`a decimal of more than ${MAX_DECIMAL_LENGTH} characters`)
  if (!DECIMAL.test(text)) throw malformed('no such decimal')
  return text
}
