// The Noise XX handshake as messages in and messages out. It proves that the owner of an Ed25519 key made the X25519 key of
// this handshake for this network and this role. It reads no stream and knows no time.
//
//   initiator                                responder
//   1  e                              ──▶
//                                     ◀──    2  e, ee, s, es, identity ‖ signature
//   3  s, se, identity ‖ signature    ──▶

import { type Crypto, type Identity, isStrictSignature, type PeerId, type Random, toPeerId } from '@hearsay/core'
import { networkId } from '@hearsay/core/mux'
import Noise from 'noise-handshake'
import { TransportError } from '../errors.js'
import { createCurve } from './curve.js'

/** Bound into the handshake: a remote of another version cannot finish it. */
export const NOISE_PROLOGUE = 'hearsay/noise/1'
const PROOF_DOMAIN = 'hearsay/noise-identity/1'
const PROOF_BYTES = 32 + 64
const KEY_BYTES = 32
const TAG_BYTES = 16
/** What each message has in this pattern; any other length is refused at its header. */
const MESSAGE_BYTES: readonly [number, number, number] = [
  KEY_BYTES,
  KEY_BYTES + KEY_BYTES + TAG_BYTES + PROOF_BYTES + TAG_BYTES,
  KEY_BYTES + TAG_BYTES + PROOF_BYTES + TAG_BYTES,
]

export interface NoiseHandshakeOptions {
  readonly identity: Identity
  readonly initiator: boolean
  readonly network: string
  readonly random: Random
  readonly crypto: Crypto
  /** Throws if this peer is not welcome; asked before our own identity is shown to it. */
  readonly check: (peer: PeerId) => void
}

/** What both ends share afterwards. */
export interface NoiseResult {
  readonly peer: PeerId
  readonly remotePublicKey: Uint8Array
  readonly tx: Uint8Array
  readonly rx: Uint8Array
  readonly hash: Uint8Array
}

export class NoiseHandshake {
  readonly #options: NoiseHandshakeOptions
  /** Made when it is first needed: a stranger who never finishes a message costs no keys. */
  #state: State | null = null
  /** Which of the three messages comes next, on either side. */
  #step = 0
  #remotePublicKey: Uint8Array | null = null

  constructor(options: NoiseHandshakeOptions) {
    this.#options = options
  }

  /** Our next message, or null if it is the remote's turn. */
  send(): Uint8Array | null {
    if (this.#step > 2 || this.#step % 2 !== (this.#options.initiator ? 0 : 1)) return null
    const payload = this.#step === 0 ? new Uint8Array() : this.#proof()
    this.#step++
    return attempt(() => this.#begun.noise.send(payload))
  }

  /** Bytes of the message that must come next; 0 if it is our turn or all is said. */
  get awaits(): number {
    const ours = this.#step % 2 === (this.#options.initiator ? 0 : 1)
    return ours ? 0 : (MESSAGE_BYTES[this.#step] ?? 0)
  }

  /** Takes the remote's message; throws `ERR_HANDSHAKE`, or what `check` throws. */
  receive(message: Uint8Array): void {
    // The library wipes the remote's ephemeral key within the message that it was given.
    const payload = Uint8Array.from(attempt(() => this.#begun.noise.recv(Uint8Array.from(message))))
    this.#step++
    if (this.#step > 1) this.#verify(payload)
  }

  /** What was agreed; null before the end. */
  get result(): NoiseResult | null {
    const remotePublicKey = this.#remotePublicKey
    if (!this.#state?.noise.complete || !remotePublicKey) return null
    const { tx, rx, hash } = this.#state.noise
    if (!tx || !rx || !hash) return null
    return { peer: toPeerId(remotePublicKey), remotePublicKey, tx, rx, hash }
  }

  get #begun(): State {
    this.#state ??= begin(this.#options)
    return this.#state
  }

  #proof(): Uint8Array {
    const { identity, initiator } = this.#options
    return concat(identity.publicKey, identity.sign(this.#signed(initiator, this.#begun.keyPair.publicKey)))
  }

  #verify(payload: Uint8Array): void {
    const { crypto, initiator, check } = this.#options
    const publicKey = payload.slice(0, KEY_BYTES)
    const signature = payload.slice(KEY_BYTES)
    const staticKey = this.#begun.noise.rs
    const sound = staticKey !== null && payload.byteLength === PROOF_BYTES && isStrictSignature(signature, publicKey)
    if (!sound || !crypto.verify(signature, this.#signed(!initiator, staticKey), publicKey)) {
      throw new TransportError('ERR_HANDSHAKE', 'the remote did not prove its identity')
    }
    check(toPeerId(publicKey))
    this.#remotePublicKey = publicKey
  }

  /** domain ‖ network ‖ role ‖ static key: a proof serves one role of one handshake in one network. */
  #signed(initiator: boolean, staticKey: Uint8Array): Uint8Array {
    return concat(utf8(PROOF_DOMAIN), this.#begun.network, Uint8Array.of(initiator ? 0 : 1), staticKey)
  }
}

interface State {
  readonly network: Uint8Array
  /** The static key of this handshake alone. */
  readonly keyPair: NoiseKeyPair
  readonly noise: Noise
}

function begin(options: NoiseHandshakeOptions): State {
  const network = networkId(options.network, options.crypto)
  const curve = createCurve(options.random)
  const keyPair = curve.generateKeyPair()
  const noise = new Noise('XX', options.initiator, keyPair, { curve })
  noise.initialise(concat(utf8(NOISE_PROLOGUE), network))
  return { network, keyPair, noise }
}

/** Whatever the library throws, the remote's key or message was at fault. */
function attempt(step: () => Uint8Array): Uint8Array {
  try {
    return step()
  } catch (cause) {
    throw new TransportError('ERR_HANDSHAKE', 'the remote speaks another protocol, version or network', { cause })
  }
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
