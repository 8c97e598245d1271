import { readFileSync } from 'node:fs'
import { asGatewayError, errorTable, GatewayError, sessionRefused } from '../../../src/core/errors.ts'

test('docs/errors.md lists every code as the code has it', () => {
  const rows = Object.entries(errorTable).map(
    ([code, { message, status, retry }]) => `| \`${code}\` | ${status} | ${retry ? 'yes' : 'no'} | ${message} |`,
  )
  const page = readFileSync('docs/errors.md', 'utf8')
  expect(page.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows)
})

test('what a client is told holds a code, a sentence and whether to retry, and nothing of our insides', () => {
  const error = asGatewayError(new TypeError('secret detail'))
  expect(error.toPublic()).toEqual({ code: 'internal', message: errorTable.internal.message, retry: true })
  expect(JSON.stringify(error.toPublic())).not.toContain('secret detail')
  const refused = new GatewayError('draft.id')
  expect(asGatewayError(refused)).toBe(refused)
})

test('a reason of refusal decides the code that the browser hears', () => {
  expect(
    (['NO_COOKIE', 'NO_USER', 'EXPIRED', 'NO_SESSION', 'UNSAFE', 'BAD_SIGNATURE'] as const).map(
      (reason) => sessionRefused(reason).code,
    ),
  ).toEqual([
    'session.missing',
    'session.missing',
    'session.expired',
    'session.expired',
    'session.invalid',
    'session.invalid',
  ])
})

test('a refusal walks no stack and leaves those of others alone; the cause of an internal one keeps its own', () => {
  const bug = new TypeError('a bug')
  const internal = asGatewayError(bug)
  expect(internal.stack?.split('\n')).toHaveLength(1)
  expect(internal.cause).toBe(bug)
  for (const { stack } of [bug, new Error('afterwards')]) expect(stack).toContain('errors.test.ts')
})
