// Bring your own Hyperswarm: each connection of a `hyperswarm` 4 becomes a link, beside whatever else that program does with
// the connection. This file knows the swarm's events; hyperswarm/carrier.ts knows its multiplexer.

import {
  type Address,
  type ByteStream,
  type Identity,
  type IncomingStream,
  type Listener,
  type ListenOptions,
  printAddress,
  type Random,
  systemRandom,
  type Transport,
  toPeerId,
} from '@hearsay/core'
import { cannotListen } from './bind.js'
import { TransportError } from './errors.js'
import { CARRIER_PROTOCOL, Carrier, type SharedStream } from './hyperswarm/carrier.js'
import { type Multiplexer, Protomux } from './hyperswarm/library.js'

/** The parts of a `hyperswarm` 4 that are used. */
export interface Swarm {
  readonly keyPair: { readonly publicKey: Uint8Array }
  /** Those that are open now. */
  readonly connections: Iterable<SharedStream>
  on(event: 'connection', listener: (stream: SharedStream) => void): unknown
  removeListener(event: 'connection', listener: (stream: SharedStream) => void): unknown
}

export type { SharedStream } from './hyperswarm/carrier.js'

export interface HyperswarmOptions {
  /** The pool's identity. It must be the swarm's key: that is the one which its connections prove. */
  readonly identity: Pick<Identity, 'id'>
  /** @default systemRandom() */
  readonly random?: Random
}

/**
 * A transport that only accepts: what the swarm connects, in either direction, arrives while it listens, authenticated by
 * the swarm. Both programs must use it; with one that does not, nothing happens. The swarm and its connections stay open,
 * and other channels on `Protomux.from(stream)` go on. Throws `TypeError` if the swarm has another key.
 *
 * @example
 * const identity = createIdentity({ seed: swarm.keyPair.secretKey.subarray(0, 32) })
 * const pool = createPool({ identity, transports: [hyperswarmLinks(swarm, { identity })] })
 * await pool.listen()
 */
export function hyperswarmLinks(swarm: Swarm, { identity, random = systemRandom() }: HyperswarmOptions): Transport {
  if (toPeerId(swarm.keyPair.publicKey) !== identity.id) {
    throw new TypeError('the identity is not the key of the swarm')
  }
  return new HyperswarmLinks(swarm, random)
}

class HyperswarmLinks implements Transport {
  readonly scheme = 'hyperswarm'
  readonly capabilities = { listen: true, authenticated: true, responderSpeaksFirst: true } as const
  readonly #swarm: Swarm
  readonly #random: Random
  #listening: (() => void) | null = null
  #closed = false

  constructor(swarm: Swarm, random: Random) {
    this.#swarm = swarm
    this.#random = random
  }

  /** Takes the connections that there are and those to come. One listener at a time; it has no address to dial. */
  async listen(_options: ListenOptions, onStream: (incoming: IncomingStream) => void): Promise<Listener> {
    this.#checkOpen()
    if (this.#listening) throw cannotListen(new Error('the links of this swarm are taken already'))
    const paired = new Set<Multiplexer>()
    const onConnection = (stream: SharedStream): void => this.#take(stream, paired, onStream)
    this.#swarm.on('connection', onConnection)
    const stop = (): void => {
      if (this.#listening === stop) this.#listening = null
      this.#swarm.removeListener('connection', onConnection)
      for (const mux of paired) mux.unpair({ protocol: CARRIER_PROTOCOL })
      paired.clear()
    }
    this.#listening = stop
    for (const stream of this.#swarm.connections) onConnection(stream)
    return { addresses: [], close: async () => stop() }
  }

  async dial(address: Address, { signal }: { readonly signal?: AbortSignal } = {}): Promise<ByteStream> {
    this.#checkOpen()
    if (signal?.aborted) throw new TransportError('ERR_ABORTED', 'dialling was aborted', { cause: signal.reason })
    throw new TransportError(
      'ERR_DIAL',
      `${printAddress(address)} cannot be dialled: the swarm decides whom to connect`,
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#listening?.()
  }

  /** Offers a link on the connection, and takes one that is offered later. */
  #take(stream: SharedStream, paired: Set<Multiplexer>, onStream: (incoming: IncomingStream) => void): void {
    // Every error also ends the stream; unheard it would end the process.
    stream.on('error', () => {})
    const mux = Protomux.from(stream)
    const { isInitiator: initiator } = stream
    const onCarrier = (carrier: Carrier): void => onStream({ stream: carrier, address: placeOf(stream), initiator })
    const offer = (): void => Carrier.offer(stream, { mux, random: this.#random, onCarrier })
    mux.pair({ protocol: CARRIER_PROTOCOL }, offer)
    paired.add(mux)
    stream.on('close', () => paired.delete(mux))
    offer()
  }

  #checkOpen(): void {
    if (this.#closed) throw new TransportError('ERR_CLOSED', 'the transport is closed')
  }
}

/** Who is there, and the host for whoever limits strangers. */
function placeOf({ remotePublicKey, rawStream }: SharedStream): Address | null {
  if (!remotePublicKey || !rawStream) return null
  const { remoteHost: host, remotePort: port } = rawStream
  return { scheme: 'hyper', peer: toPeerId(remotePublicKey), host, port, path: '' }
}
