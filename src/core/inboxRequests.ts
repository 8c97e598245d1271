import { GatewayError } from './errors.ts'
import { type ListQuery, MARK_OPS, type Mark } from './inbox.ts'
import type { Position } from './notification.ts'

const FILTERS = ['all', 'unread', 'archived'] as const
const MAX_PAGE = 100
const DEFAULT_PAGE = 50
const MAX_IDS = 500
/** A source of 200 characters, a colon, an id of 128, and one to spare. */
export const MAX_PUBLIC_ID_LENGTH = 330
/** The largest mark that can be in order; a character is escaped in six bytes. */
export const MAX_MARK_BYTES = MAX_IDS * (6 * MAX_PUBLIC_ID_LENGTH + 3) + 8192

type Fields = Readonly<Record<string, unknown>>

/**
 * What `inbox:list` asks for (PROTOCOL.md §4): `{ before?, limit?, filter? }`, or nothing at all: the newest 50.
 * @throws GatewayError `event.invalid` says which key is wrong
 */
export function parseListQuery(value: unknown): ListQuery {
  // What was not given comes as null where an ack follows it.
  const { before, limit = DEFAULT_PAGE, filter = 'all', ...strange } = fieldsOf(value ?? {})
  refuseStrangers(strange, 'A list takes "before", "limit" and "filter"')
  if (before !== undefined && !isWholeFrom(before, 0)) throw invalid('"before" is the seq of an item: a whole number.')
  if (!isWholeFrom(limit, 1) || limit > MAX_PAGE) throw invalid(`"limit" is a whole number from 1 to ${MAX_PAGE}.`)
  if (!isOneOf(FILTERS, filter)) throw invalid(`"filter" is one of ${FILTERS.join(', ')}.`)
  return { before, limit, filter }
}

/**
 * What `inbox:mark` wants to be done: `{ op, ids?, upTo? }`, with at least one of the two.
 * @throws GatewayError `event.invalid` says which key is wrong; `inbox.position`
 */
export function parseMark(value: unknown): Mark {
  const { op, ids, upTo, ...strange } = fieldsOf(value)
  refuseStrangers(strange, 'A mark takes "op", "ids" and "upTo"')
  if (!isOneOf(MARK_OPS, op)) throw invalid(`"op" is one of ${MARK_OPS.join(', ')}.`)
  if (ids === undefined && upTo === undefined) throw invalid('A mark names "ids", "upTo" or both.')
  return { op, ids: ids === undefined ? [] : parseIds(ids), upTo: upTo === undefined ? undefined : parsePosition(upTo) }
}

function parseIds(ids: unknown): readonly string[] {
  if (Array.isArray(ids) && ids.length >= 1 && ids.length <= MAX_IDS && ids.every(isPublicId)) return ids
  throw invalid(`"ids" is a list of 1 to ${MAX_IDS} texts of 1 to ${MAX_PUBLIC_ID_LENGTH} characters.`)
}

/** @throws GatewayError `inbox.position` */
export function parsePosition(value: unknown): Position {
  if (!isFields(value)) throw new GatewayError('inbox.position')
  const { epoch, seq } = value
  if (typeof epoch !== 'string' || !(Number.isInteger(seq) && (seq as number) >= 0))
    throw new GatewayError('inbox.position')
  // Beyond 2^53 it is merely from the future.
  return { epoch, seq: seq as number }
}

function fieldsOf(value: unknown): Fields {
  if (!isFields(value)) throw invalid('It brings an object.')
  return value
}

function refuseStrangers(strange: Fields, known: string): void {
  const [key] = Object.keys(strange)
  if (key !== undefined) throw invalid(`${known}, not ${JSON.stringify(key.slice(0, 50))}.`)
}

const invalid = (message: string) => new GatewayError('event.invalid', { message })
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
const isOneOf = <T extends string>(words: readonly T[], value: unknown): value is T =>
  words.some((word) => word === value)
const isWholeFrom = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least
const isPublicId = (id: unknown): id is string =>
  typeof id === 'string' && id.length >= 1 && id.length <= MAX_PUBLIC_ID_LENGTH
