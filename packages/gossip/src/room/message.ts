// A message as the application sees it: the payload as a value of the room's encoding.

import { type Cause, copyBytes, type Delivery, type PeerId } from '@hearsay/core'
import { GossipError } from '../errors.js'
import { type Encoding, type EncodingOption, type NamedEncodings, resolveEncoding } from './encodings.js'
import type { Judged, Validate } from './validation.js'

/** A verified message. */
export interface Message<T> {
  readonly author: PeerId
  readonly epoch: number
  readonly seq: number
  /** When its author says it was published. */
  readonly time: Date
  readonly receivedAt: Date
  /** Links it crossed: own 0, direct 1; 0 also for what a store kept of an earlier life. Unsigned, a hint. */
  readonly hops: number
  /** The peer that handed it over; null for own messages, and for what a store kept, whoever said it: `author` tells. */
  readonly via: PeerId | null
  /** The decoded value; null if `undecodable`. */
  readonly data: T
  /** The payload as it was signed. */
  readonly bytes: Uint8Array
  /** True if the payload is not of the room's encoding. */
  readonly undecodable: boolean
  /**
   * In causal order: what its author had heard before it and this node has not, for it did not come in time; absent if nothing is
   * missing. It may still come.
   */
  readonly unheard?: readonly Cause[] | undefined
}

export function toMessage(delivery: Delivery, encoding: Encoding<unknown>): Message<unknown> {
  // Spelt out: a copy by spread takes ten times as long (V8 12), and every message that is read comes by here.
  const { author, epoch, seq, time, bytes, hops, via, data, undecodable, unheard } = toUnreceived(delivery, encoding)
  const receivedAt = new Date(delivery.receivedAt)
  return { author, epoch, seq, time, receivedAt, hops, via, data, bytes, undecodable, unheard }
}

/** A validator of payloads from one of values. Throws `ERR_OPTION` for a validator or an encoding that is none. */
export function validateValues(
  validate: Validate<Omit<Message<unknown>, 'receivedAt'>>,
  encoding: keyof NamedEncodings | EncodingOption<unknown> = 'json',
): Validate {
  if (typeof validate !== 'function') throw new GossipError('ERR_OPTION', 'validate is no function')
  const resolved = resolveEncoding(encoding)
  return (judged) => validate(toUnreceived(judged, resolved))
}

function toUnreceived(
  { author, epoch, seq, time, hops, via, payload, unheard }: Judged,
  encoding: Encoding<unknown>,
): Omit<Message<unknown>, 'receivedAt'> {
  // Others still read the payload, and peers are served from it: what the application gets is its own.
  const bytes = copyBytes(payload)
  const { data, undecodable } = decode(bytes, encoding)
  return { author, epoch, seq, time: new Date(time), hops, via, bytes, data, undecodable, unheard }
}

function decode(payload: Uint8Array, encoding: Encoding<unknown>): { data: unknown; undecodable: boolean } {
  try {
    return { data: encoding.decode(payload), undecodable: false }
  } catch {
    // A valid signature says who wrote it, not that it is of our encoding: the application decides.
    return { data: null, undecodable: true }
  }
}
