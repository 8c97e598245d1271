import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** Nothing that the tests don't ask for: no sandbox (root in a container has none), and no word to anybody outside. */
const ARGS = [
  '--no-sandbox',
  '--headless=new',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A real browser without a window. Whoever opens it closes it. */
export async function openChromium(): Promise<Browser> {
  const executablePath = PROGRAMS.find((program) => existsSync(program))
  if (executablePath === undefined) throw new Error(`no Chromium found (looked: ${PROGRAMS.join(', ')})`)
  return chromium.launch({ executablePath, args: ARGS })
}
