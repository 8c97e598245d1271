import { Context } from 'zeromq'

let ours: Context | undefined

/** Our own, so that the end of the process never waits for us, and the program's other sockets keep their ways. */
export const context = () => {
  ours ??= new Context({ blocky: false })
  return ours
}
