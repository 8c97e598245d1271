/**
 * What is to be done about it. `broken`: it would do so again, call it later. `old`: it speaks ZMTP 1 or 2, as libzmq
 * did before version 4. `silent`: it did not do something in time, call it soon.
 */
export type Fault = 'broken' | 'old' | 'silent'

/** The peer speaks something else, or breaks the protocol: the connection ends. The message says how, for the log. */
export class ZmtpError extends Error {
  override readonly name = 'ZmtpError'
  readonly fault: Fault

  constructor(message: string, fault: Fault = 'broken') {
    super(message)
    this.fault = fault
  }
}
