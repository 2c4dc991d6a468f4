// The bounds that a channel's name and handshake keep on every kind of link, and the key by which both sides find the
// same channel.

import type { ChannelName, ChannelOptions } from './contracts/link.js'
import { CoreError } from './errors.js'
import { toHex } from './hex.js'

export const MAX_PROTOCOL_LETTERS = 64
export const MAX_CHANNEL_ID_BYTES = 32
export const MAX_HANDSHAKE_BYTES = 4_096

/** Throws `ERR_CHANNEL` unless name and handshake are within their bounds. */
export function checkChannel(options: ChannelOptions): void {
  const { protocol, id, handshake } = options
  if (!/^[!-~]{1,64}$/.test(protocol)) throw refusal(`a protocol has 1 to ${MAX_PROTOCOL_LETTERS} ASCII letters`)
  if (id && id.byteLength > MAX_CHANNEL_ID_BYTES) throw refusal(`an id has at most ${MAX_CHANNEL_ID_BYTES} bytes`)
  if (handshake && handshake.byteLength > MAX_HANDSHAKE_BYTES) {
    throw refusal(`a handshake has at most ${MAX_HANDSHAKE_BYTES} bytes`)
  }
}

/** Equal for equal names only; an empty id is no id. */
export function channelKey(name: ChannelName): string {
  return `${toHex(name.id ?? new Uint8Array())}/${name.protocol}`
}

function refusal(why: string): CoreError {
  return new CoreError('ERR_CHANNEL', why)
}
