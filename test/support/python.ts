import { execFile, spawnSync } from 'node:child_process'

const CANDIDATES = ['/usr/bin/python3', 'python3', 'python']

/**
 * The first Python that can import all of these modules. Debian's own comes first: its packages are installed for it
 * alone, whatever stands earlier in the PATH.
 */
export function findPython(...modules: readonly string[]): string | null {
  const script = modules.map((module) => `import ${module}`).join('\n')
  return CANDIDATES.find((python) => spawnSync(python, ['-c', script], { timeout: 20_000 }).status === 0) ?? null
}

/** As `findPython`, for a test that cannot do without: it fails with what is to be installed. */
export function requirePython(...modules: readonly string[]): string {
  const python = findPython(...modules)
  if (python === null) throw new Error(`no Python found that can import ${modules.join(', ')} (looked: ${CANDIDATES})`)
  return python
}

/** Runs a script to its end and returns what it printed. Rejects with its stderr when it fails. */
export function runPython(
  python: string,
  script: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      python,
      ['-c', script, ...args],
      { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env }, timeout: 15_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new Error(stderr === '' ? error.message : stderr))
      },
    )
  })
}
