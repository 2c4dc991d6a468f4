// From a raw byte stream to an authenticated, encrypted link. This file puts the parts in order: handshake, guard,
// encryption, channels, hello.

import {
  type Address,
  type ByteStream,
  type Clock,
  type CloseReason,
  type Crypto,
  DEFAULT_NETWORK,
  hasCode,
  type Identity,
  type PeerId,
  type Random,
  sodiumCrypto,
  systemClock,
  systemRandom,
} from '@hearsay/core'
import {
  DEFAULT_MUX_LIMITS,
  establish,
  type MessageStream,
  type MuxLimits,
  type MuxLink,
  muxLink,
} from '@hearsay/core/mux'
import SecretStream from '@hyperswarm/secret-stream'
import { TransportError, type TransportErrorCode } from './errors.js'
import { NoiseHandshake, type NoiseResult } from './noise/handshake.js'
import { LengthGuard } from './noise/length-guard.js'
import { frameMessage, MessageReader } from './noise/message-reader.js'

export interface SecureStreamOptions {
  readonly identity: Identity
  /** Exactly one of the two ends is the initiator: the one that dialled. */
  readonly initiator: boolean
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** The remote must be of the same network. @default 'hearsay' */
  readonly network?: string
  /** The peer that must be at the other end. @default anybody but ourselves */
  readonly expected?: PeerId | null
  /** Milliseconds for the handshake. @default 3_000 */
  readonly timeoutMs?: number
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  /** Bytes of the largest message on the link. @default 1_048_576 */
  readonly maxMessageBytes?: number
}

/** Messages to and from a peer that has proved its identity. */
export interface SecureStream {
  readonly stream: MessageStream
  readonly remote: PeerId
  /** 64 bytes that are equal on both ends and different on every stream. */
  readonly handshakeHash: Uint8Array
}

export interface SecureLinkOptions extends SecureStreamOptions {
  /** What was dialled, or where the remote came from. @default null */
  readonly address?: Address | null
  readonly limits?: Partial<MuxLimits>
  /** Where errors of listeners go. @default nowhere */
  readonly report?: (error: unknown) => void
}

/** The time that a remote has to prove who it is, and again to say hello. */
export const HANDSHAKE_TIMEOUT_MS = 3_000
/** What the encryption adds to a message. */
const SEAL_BYTES = 17

/**
 * A link over any byte stream: Noise XX with identities proved by Ed25519 signatures, then encrypted frames, channels and
 * hello. Rejects with `ERR_HANDSHAKE`, `ERR_HANDSHAKE_TIMEOUT`, `ERR_PEER_MISMATCH` or `ERR_SELF`; the stream is destroyed
 * then.
 */
export async function secureLink(stream: ByteStream, options: SecureLinkOptions): Promise<MuxLink> {
  const { clock = systemClock(), network = DEFAULT_NETWORK, timeoutMs = HANDSHAKE_TIMEOUT_MS } = options
  const link = linkOver(await secureStream(stream, options), options)
  let ended: CloseReason | null = null
  link.on('close', (reason) => {
    ended = reason
  })
  try {
    return await establish(link, { network, clock, timeoutMs })
  } catch (error) {
    // The 'close' event comes one turn after the rejection.
    await null
    throw toTransportError(error, ended)
  }
}

/** A link that has not said hello: who owns it decides whether it does. */
export function linkOver(
  { stream, remote, handshakeHash }: SecureStream,
  options: Pick<SecureLinkOptions, 'initiator' | 'clock' | 'address' | 'limits' | 'report'>,
): MuxLink {
  const { initiator, clock = systemClock(), address = null, limits, report } = options
  return muxLink(stream, {
    remote,
    initiator,
    address,
    handshakeHash,
    clock,
    ...(limits && { limits }),
    ...(report && { report }),
  })
}

/** Proves both identities and encrypts. Rejects as `secureLink` does; the stream is destroyed then. */
export async function secureStream(raw: ByteStream, options: SecureStreamOptions): Promise<SecureStream> {
  const { identity, initiator, clock = systemClock(), maxMessageBytes = DEFAULT_MUX_LIMITS.maxMessageBytes } = options
  const { result, rest } = await inTime(raw, options)
  const guard = new LengthGuard(raw, { maxFrameBytes: maxMessageBytes + SEAL_BYTES, clock })
  const { tx, rx, hash, remotePublicKey } = result
  const handshake = { tx, rx, hash, publicKey: identity.publicKey, remotePublicKey }
  const data = rest.byteLength > 0 && guard.pass(rest) ? rest : null
  const stream = new SecretStream(initiator, guard, data ? { handshake, data } : { handshake })
  // Its errors also end it, which the link hears; unheard they would end the process.
  stream.on('error', () => {})
  return { stream, remote: result.peer, handshakeHash: Uint8Array.from(hash) }
}

interface Shaken {
  readonly result: NoiseResult
  /** What the remote sent behind its last message. */
  readonly rest: Uint8Array
}

/** The handshake, or a destroyed stream and the reason. */
async function inTime(raw: ByteStream, options: SecureStreamOptions): Promise<Shaken> {
  const { clock = systemClock(), timeoutMs = HANDSHAKE_TIMEOUT_MS } = options
  const reader = new MessageReader(raw)
  let late: TransportError | null = null
  const timer = clock.setTimer(timeoutMs, () => {
    late = new TransportError('ERR_HANDSHAKE_TIMEOUT', 'the handshake was not finished in time')
    raw.destroy()
  })
  try {
    return await shakeHands(raw, reader, options)
  } catch (error) {
    raw.destroy()
    throw late ?? error
  } finally {
    timer.cancel()
    reader.release()
  }
}

async function shakeHands(raw: ByteStream, reader: MessageReader, options: SecureStreamOptions): Promise<Shaken> {
  const { identity, initiator, network = DEFAULT_NETWORK, random = systemRandom(), crypto = sodiumCrypto() } = options
  const check = (peer: PeerId): void => checkPeer(peer, options)
  const handshake = new NoiseHandshake({ identity, initiator, network, random, crypto, check })
  let rest: Uint8Array = new Uint8Array()
  while (true) {
    const message = handshake.send()
    if (message) raw.write(frameMessage(message))
    const { result } = handshake
    if (result) return { result, rest }
    // Nobody has anything to say before it has read our answer.
    if (rest.byteLength > 0) throw new TransportError('ERR_HANDSHAKE', 'the remote spoke out of turn')
    const next = await reader.read(handshake.awaits)
    handshake.receive(next.message)
    rest = next.rest
  }
}

function checkPeer(peer: PeerId, { identity, expected }: SecureStreamOptions): void {
  if (peer === identity.id) throw new TransportError('ERR_SELF', 'this stream leads back to us')
  if (expected && peer !== expected) {
    throw new TransportError('ERR_PEER_MISMATCH', `${peer} answered where ${expected} was expected`)
  }
}

const TELLING: ReadonlySet<string> = new Set<TransportErrorCode>([
  'ERR_DUPLICATE',
  'ERR_BANNED',
  'ERR_REFUSED',
  'ERR_SUSPENDED',
  'ERR_LIMIT',
  'ERR_SELF',
  'ERR_PEER_MISMATCH',
  'ERR_CLOSED',
])

/** A code that the remote told is worth more than "it ended the link". */
export function toTransportError(cause: unknown, ended: CloseReason | null): TransportError {
  if (cause instanceof TransportError) return cause
  const text = cause instanceof Error ? cause.message : String(cause)
  if (hasCode(cause, 'ERR_TIMEOUT')) return new TransportError('ERR_HANDSHAKE_TIMEOUT', text, { cause })
  const told = ended?.by === 'remote' && TELLING.has(ended.code) ? (ended.code as TransportErrorCode) : 'ERR_HANDSHAKE'
  return new TransportError(told, text, { cause })
}
