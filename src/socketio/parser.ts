import { Decoder, type Packet } from 'socket.io-parser'
import { printJson } from '../core/rawJson.ts'

/** Prints what we say, with the bodies of kept notifications in it as they came. We send no attachments. */
class Encoder {
  encode({ type, nsp, id, data }: Packet): string[] {
    const namespace = nsp === '/' ? '' : `${nsp},`
    return [`${type}${namespace}${id ?? ''}${data === undefined ? '' : printJson(data)}`]
  }
}

/** What Socket.IO reads and writes its packets with. */
export const parser = { Encoder, Decoder }
