export interface Command {
  /** What follows the name, as help shows it. */
  readonly words: string
  readonly summary: string
  /** It runs until a signal, whether or not anybody reads what it prints. */
  readonly isServer?: true
  /** Loaded when it is asked for: nobody waits for what another command needs. */
  load(): Promise<{ run(args: readonly string[]): Promise<number> }>
}

/** Every command but help, which tells of them, in its order. */
export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['start', { words: '[--config FILE]', summary: 'run the gateway', isServer: true, load: () => import('./start.ts') }],
  [
    'dev',
    {
      words: '[--config FILE]',
      summary: 'run it with a demo page at /',
      isServer: true,
      load: () => import('./dev.ts'),
    },
  ],
  [
    'notify',
    {
      words: '[--live] RECIPIENT JSON [--config FILE | --url URL --key KEY]',
      summary: 'send to 42, #channel or * (everyone)',
      load: () => import('./notify.ts'),
    },
  ],
  [
    'tail',
    {
      words: '[RECIPIENT] [--json] [--config FILE | --url URL --key KEY]',
      summary: 'show what passes, until Ctrl-C',
      load: () => import('./tail.ts'),
    },
  ],
  [
    'explain',
    {
      words: 'ID [--json] [--config FILE | --url URL --key KEY]',
      summary: 'tell what became of a kept notification',
      load: () => import('./explain.ts'),
    },
  ],
  [
    'whoami',
    {
      words: '[--config FILE] [--cookie HEADER] [--token JWT] [--remote-addr IP] [--at UNIX_SECONDS]',
      summary: 'tell who a credential is, or why it is refused',
      load: () => import('./whoami.ts'),
    },
  ],
  [
    'token',
    {
      words: 'USER [--ttl SECONDS] [--config FILE]',
      summary: 'print a short-lived JWT',
      load: () => import('./token.ts'),
    },
  ],
  ['keys', { words: '', summary: 'print a new CURVE key pair', load: () => import('./keys.ts') }],
  [
    'registry',
    {
      words: '[--config FILE]',
      summary: 'run the registry of notifiers alone',
      isServer: true,
      load: () => import('./registry.ts'),
    },
  ],
  [
    'check-config',
    { words: '[--config FILE]', summary: 'check a configuration', load: () => import('./checkConfig.ts') },
  ],
  [
    'config-reference',
    {
      words: '[--schema]',
      summary: 'print every key as Markdown, or as a JSON schema',
      load: () => import('./configReference.ts'),
    },
  ],
])
