import { Decoder, type Packet } from 'socket.io-parser'
import { printJson } from '../core/rawJson.ts'

/** Prints what we say, with the bodies of kept notifications in it as they came. We send no attachments. */
class Encoder {
  encode({ type, nsp, id, data }: Packet): string[] {
    const namespace = nsp === '/' ? '' : `${nsp},`
    return [`${type}${namespace}${id ?? ''}${data === undefined ? '' : printJson(data)}`]
  }
}

type Hear = (packet: Packet) => void

/** Reads as Socket.IO does. Its decoder is there while a packet is being read; most browsers send none but the first. */
class PassingDecoder {
  #hear: Hear | undefined
  #decoder: Decoder | undefined

  on(_event: 'decoded', hear: Hear): void {
    this.#hear = hear
  }

  removeListener(): void {
    this.#hear = undefined
  }

  /** @throws Error on what is no packet */
  add(message: unknown): void {
    this.#decoder ??= this.#begin()
    this.#decoder.add(message)
  }

  destroy(): void {
    this.#decoder?.destroy()
    this.#decoder = undefined
  }

  #begin(): Decoder {
    return new Decoder().on('decoded', (packet) => {
      this.#decoder = undefined
      this.#hear?.(packet)
    })
  }
}

/** What Socket.IO reads and writes its packets with. */
export const parser = { Encoder, Decoder: PassingDecoder }
