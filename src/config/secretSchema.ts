import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** Where secrets that are not written into the configuration come from. */
export type Environment = Readonly<Record<string, string | undefined>>
export type SecretSchema = ReturnType<typeof secretSchema>

/** A secret as it is, or where it is to be found: it need not stand in the file. */
export function secretSchema(env: Environment) {
  return z
    .union(
      [z.string().min(1), z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })],
      {
        error: 'a text, { "env": "NAME" } or { "file": "PATH" }',
      },
    )
    .transform((given, context) => {
      if (typeof given === 'string') return given
      const found = 'env' in given ? env[given.env] : readSecret(given.file)
      if (found !== undefined && found !== '') return found
      const where = 'env' in given ? `the environment variable ${given.env}` : `the file ${given.file}`
      context.addIssue({ code: 'custom', input: given, message: `a secret in ${where}, where there is none` })
      return z.NEVER
    })
}

function readSecret(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trimEnd()
  } catch {
    return undefined
  }
}
