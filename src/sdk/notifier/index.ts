/** Heraldo's notifier SDK: `import { createNotifier } from 'heraldo/notifier'`. */
export type { NotificationOptions } from './draft.ts'
export type { NotifierErrorCode } from './errors.ts'
export { NotifierError } from './errors.ts'
export type { ChannelOptions, Notifier } from './notifier.ts'
export { createNotifier } from './notifier.ts'
export type { NotifierOptions } from './options.ts'
