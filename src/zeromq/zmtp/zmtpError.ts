/** The peer speaks something else, or breaks the protocol: the connection ends. The message says how, for the log. */
export class ZmtpError extends Error {
  override readonly name = 'ZmtpError'
  /** It speaks ZMTP 1 or 2, as libzmq did before version 4. */
  readonly isOld: boolean

  constructor(message: string, { isOld = false } = {}) {
    super(message)
    this.isOld = isOld
  }
}
