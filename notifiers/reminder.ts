/** Reminds users of something, also those who are away: npm run notifier reminder -- [--id ID] TEXT [USER…] */
import { parseArgs } from 'node:util'
import { createSender } from 'heraldo/notifier'

const { id, text, users } = readWords()

const reminder = createSender({ ingest: process.env['HERALDO_INGEST'] ?? 'tcp://127.0.0.1:20100', source: 'reminder' })
try {
  // Until a gateway has it in every inbox; while none is there, this waits. The same --id again reminds nobody twice.
  const answer = await reminder.notify(users, { text, from: 'reminder' }, { type: 'reminder', id })
  for (const [user, { seq }] of Object.entries(answer.positions))
    console.log(`reminder: ${user} ${answer.duplicate ? 'had it already' : 'has it'}, as number ${seq}`)
} catch (error) {
  console.error(`reminder: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
await reminder.close()

function readWords() {
  try {
    const { values, positionals } = parseArgs({ options: { id: { type: 'string' } }, allowPositionals: true })
    const [text, ...users] = positionals
    if (text === undefined) throw new Error('say what to remind of')
    return { id: values.id, text, users: users.length > 0 ? users : ['42'] }
  } catch (error) {
    console.error(`reminder: ${error instanceof Error ? error.message : error}`)
    process.exit(2)
  }
}
