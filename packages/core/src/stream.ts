// @hearsay/core/stream: a link over a byte stream that is private already. This file runs the handshake; frames, proofs and
// channels have files of their own.

import { systemClock } from './clock.js'
import type { Clock } from './contracts/clock.js'
import type { Crypto } from './contracts/crypto.js'
import type { Random } from './contracts/random.js'
import type { ByteStream } from './contracts/stream.js'
import { sodiumCrypto } from './crypto.js'
import { CoreError } from './errors.js'
import type { Identity } from './identity.js'
import { networkId } from './mux/control.js'
import { ESTABLISH_TIMEOUT_MS, establish } from './mux/establish.js'
import { type MuxLink, muxLink } from './mux/link.js'
import { type MuxLimits, resolveMuxLimits } from './mux/options.js'
import type { PeerId } from './peer-id.js'
import { systemRandom } from './random.js'
import { FramedStream } from './stream-frames.js'
import {
  checkStreamProof,
  createStreamHello,
  createStreamProof,
  readStreamHello,
  STREAM_NONCE_BYTES,
  type StreamHello,
  streamTranscript,
} from './stream-proof.js'
import { receiveMessage } from './stream-receive.js'
import { DEFAULT_NETWORK } from './topic.js'

export { MIN_BYTES_PER_SECOND, PROGRESS_PERIOD_MS, ProgressWatch } from './stream-progress.js'

export interface StreamLinkOptions {
  readonly identity: Identity
  /** Exactly one of the two ends is the initiator. */
  readonly initiator: boolean
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** The remote must be of the same network. @default 'hearsay' */
  readonly network?: string
  /** The peer that must be at the other end. @default anybody */
  readonly expected?: PeerId
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  readonly limits?: Partial<MuxLimits>
  /** Milliseconds for the proof of identity, and again for the hello. @default 3_000 */
  readonly timeoutMs?: number
  /** Where errors of listeners go. @default nowhere */
  readonly report?: (error: unknown) => void
}

/** Before the remote has proved who it is, a frame has at most so many bytes. */
const MAX_HANDSHAKE_FRAME_BYTES = 1_024

/**
 * A link over any byte stream **that is private already**: in-process, a unix socket, an ssh tunnel. Both ends prove who
 * they are; nothing is encrypted, and whoever can alter the stream can alter what the link carries. For an open network
 * take `secureLink` of `@hearsay/transport`. Rejects with `ERR_HANDSHAKE` or `ERR_TIMEOUT`; the stream is destroyed then.
 */
export async function streamLink(duplex: ByteStream, options: StreamLinkOptions): Promise<MuxLink> {
  const {
    clock = systemClock(),
    random = systemRandom(),
    initiator,
    network = DEFAULT_NETWORK,
    limits,
    report,
    timeoutMs = ESTABLISH_TIMEOUT_MS,
  } = options
  const { maxMessageBytes } = resolveMuxLimits(limits)
  const frames = new FramedStream(duplex, { maxFrameBytes: MAX_HANDSHAKE_FRAME_BYTES, clock })
  const { remote, handshakeHash } = await inTime(frames, { ...options, clock, random, network, timeoutMs })
  frames.maxFrameBytes = maxMessageBytes
  const link = muxLink(frames, {
    remote,
    initiator,
    address: null,
    handshakeHash,
    clock,
    ...(limits && { limits }),
    ...(report && { report }),
  })
  return establish(link, { network, clock, timeoutMs })
}

type ResolvedOptions = StreamLinkOptions &
  Required<Pick<StreamLinkOptions, 'clock' | 'random' | 'network' | 'timeoutMs'>>

/** The handshake, or a destroyed stream and the reason. */
async function inTime(frames: FramedStream, options: ResolvedOptions): ReturnType<typeof shakeHands> {
  let late: CoreError | null = null
  const timer = options.clock.setTimer(options.timeoutMs, () => {
    late = new CoreError('ERR_TIMEOUT', 'the remote did not prove its identity in time')
    frames.destroy()
  })
  try {
    return await shakeHands(frames, options)
  } catch (error) {
    frames.destroy()
    throw late ?? error
  } finally {
    timer.cancel()
  }
}

async function shakeHands(
  frames: FramedStream,
  options: ResolvedOptions,
): Promise<{ readonly remote: PeerId; readonly handshakeHash: Uint8Array }> {
  const { identity, initiator, random, crypto = sodiumCrypto() } = options
  const network = networkId(options.network, crypto)
  const ours = createStreamHello(network, identity.publicKey, random.bytes(STREAM_NONCE_BYTES))
  frames.write(ours.bytes)
  const theirs = readStreamHello(await receiveMessage(frames), network)
  checkPeer(theirs, options)
  const hellos = initiator ? { initiator: ours, responder: theirs } : { initiator: theirs, responder: ours }
  const transcript = streamTranscript(hellos, crypto)
  frames.write(createStreamProof(transcript, identity, initiator))
  const proof = await receiveMessage(frames)
  checkStreamProof(proof, { transcript, publicKey: theirs.publicKey, initiator: !initiator }, crypto)
  return { remote: theirs.peer, handshakeHash: transcript }
}

function checkPeer({ peer }: StreamHello, { identity, expected }: StreamLinkOptions): void {
  if (peer === identity.id) throw new CoreError('ERR_HANDSHAKE', 'this stream leads back to us')
  if (expected !== undefined && peer !== expected) {
    throw new CoreError('ERR_HANDSHAKE', `${peer} answered where ${expected} was expected`)
  }
}
