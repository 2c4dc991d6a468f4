// Streams to a peer by its key alone, through NATs where they can be crossed: over HyperDHT, which authenticates them with
// the same Ed25519 key that links have. This file knows dialling and listening; hyperdht/node.ts keeps the DHT node.

import {
  type Address,
  type Clock,
  fromPeerId,
  hasCode,
  type Identity,
  type IncomingStream,
  type Listener,
  type ListenOptions,
  type PeerId,
  printAddress,
  systemClock,
  type Transport,
  toPeerId,
} from '@hearsay/core'
import { cannotListen } from './bind.js'
import { TransportError } from './errors.js'
import { createBoundedStream } from './hyperdht/bounded-stream.js'
import type { DhtKeyPair, DhtNode, DhtServer, DhtSource, DhtStream } from './hyperdht/library.js'
import { NodeHolder, within } from './hyperdht/node.js'
import type { AuthenticatedStream } from './pool/authenticated.js'

export type { DhtNode, DhtSource, DhtStream } from './hyperdht/library.js'

export interface HyperOptions {
  /** The key that others dial and that this side proves; the same as the pool's. */
  readonly identity: Identity
  /** `host:port` of nodes to start from. @default those of the public network */
  readonly bootstrap?: readonly string[]
  /** The IPv4 address to bind to; HyperDHT has no IPv6. @default every interface */
  readonly host?: string
  /** The UDP port; 0 is any. @default the library's: 49737, or any if that is taken */
  readonly port?: number
  /**
   * A node to share, such as `swarm.dht`, or who opens one, such as `dhtNode()` of `@hearsay/discovery`; it stays open, and
   * the three options above are not used. @default one of our own
   */
  readonly dht?: DhtNode | DhtSource
  /** A blind relay that carries what cannot cross both NATs; both sides may name one. @default none */
  readonly relayThrough?: PeerId
  /** Milliseconds to find the peer and cross the NATs. @default 10_000 */
  readonly dialTimeoutMs?: number
  /**
   * Milliseconds that `listen` waits at most until the key is announced; announcing goes on. With 0 it does not wait, and who
   * dials at once may not find it yet. @default 3_000
   */
  readonly announceMs?: number
  /** @default systemClock() */
  readonly clock?: Clock
}

const DIAL_TIMEOUT_MS = 10_000
const ANNOUNCE_MS = 3_000
const UNANNOUNCE_MS = 1_500

/**
 * A transport of scheme `hyper`. Its streams are authenticated and carry whole messages. A stream that opened may lead
 * nowhere (a DHT of one node is such a trap), so only the hello of a link proves that it carries anything.
 *
 * @example createPool({ identity, transports: [tcp(), hyper({ identity })] })
 */
export function hyper(options: HyperOptions): Transport {
  return new HyperTransport(options)
}

class HyperTransport implements Transport {
  readonly scheme = 'hyper'
  readonly capabilities = { listen: true, authenticated: true, responderSpeaksFirst: true } as const
  readonly #id: PeerId
  readonly #keyPair: DhtKeyPair
  readonly #clock: Clock
  readonly #dialTimeoutMs: number
  readonly #node: NodeHolder
  readonly #streams: {
    readonly relayThrough: Uint8Array | null
    readonly createSecretStream: typeof createBoundedStream
  }
  readonly #announceMs: number
  /** Whether their announcement has come to its end: only then is there something to withdraw. */
  readonly #servers = new Map<DhtServer, { announced: boolean }>()
  /** Aborts what is being dialled when the transport closes. */
  readonly #closing = new AbortController()
  #closed: Promise<void> | null = null

  constructor(options: HyperOptions) {
    const { identity, clock = systemClock(), dht = null, bootstrap, host, port, relayThrough } = options
    this.#id = identity.id
    this.#keyPair = { publicKey: Buffer.from(identity.publicKey), secretKey: Buffer.from(identity.secretKey) }
    this.#clock = clock
    this.#dialTimeoutMs = options.dialTimeoutMs ?? DIAL_TIMEOUT_MS
    this.#announceMs = options.announceMs ?? ANNOUNCE_MS
    const own = {
      ...(bootstrap && { bootstrap }),
      ...(host !== undefined && { host }),
      ...(port !== undefined && { port }),
    }
    this.#node = new NodeHolder({ clock, shared: dht, options: own })
    const relay = relayThrough === undefined ? null : Buffer.from(fromPeerId(relayThrough))
    this.#streams = { relayThrough: relay, createSecretStream: createBoundedStream }
  }

  /** Announces this node's key. The socket is the DHT node's, whatever host and port others listen at. */
  async listen(_options: ListenOptions, onStream: (incoming: IncomingStream) => void): Promise<Listener> {
    this.#checkOpen()
    const server = await this.#announce(onStream)
    const close = (): Promise<void> => this.#end(server)
    if (this.#closing.signal.aborted) await close()
    this.#checkOpen()
    return { addresses: [{ scheme: 'hyper', peer: this.#id, host: '', port: 0, path: '' }], close }
  }

  async dial(address: Address, { signal }: { readonly signal?: AbortSignal } = {}): Promise<AuthenticatedStream> {
    this.#checkOpen()
    if (signal?.aborted) throw aborted(signal)
    const { scheme, peer } = address
    if (scheme !== 'hyper' || !peer) throw new TransportError('ERR_DIAL', `${printAddress(address)} is not hyper://`)
    if (peer === this.#id) throw new TransportError('ERR_SELF', 'this address leads back to us')
    const ended = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal
    try {
      const node = await this.#node.open()
      ended.throwIfAborted()
      return await this.#open(node.connect(Buffer.from(fromPeerId(peer)), this.#dialOptions()), ended)
    } catch (cause) {
      this.#checkOpen()
      if (signal?.aborted) throw aborted(signal)
      throw new TransportError('ERR_DIAL', `${printAddress(address)} could not be reached: ${explain(cause)}`, {
        cause,
      })
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([...this.#servers.keys()].map((server) => this.#end(server)))
    await this.#node.close()
  }

  #dialOptions(): Parameters<DhtNode['connect']>[1] {
    return { ...this.#streams, keyPair: this.#keyPair }
  }

  async #announce(onStream: (incoming: IncomingStream) => void): Promise<DhtServer> {
    try {
      const node = await this.#node.open()
      const server = node.createServer(this.#streams, (stream) => accept(stream, onStream))
      const state = { announced: false }
      this.#servers.set(server, state)
      let failure: unknown = null
      const listening = server.listen(this.#keyPair).then(
        () => {
          state.announced = true
        },
        (error: unknown) => {
          failure = error
          this.#servers.delete(server)
        },
      )
      await within(this.#clock, this.#announceMs, listening)
      if (failure) throw failure
      return server
    } catch (error) {
      throw cannotListen(error)
    }
  }

  async #end(server: DhtServer): Promise<void> {
    const state = this.#servers.get(server)
    if (!state) return
    this.#servers.delete(server)
    await within(this.#clock, state.announced ? UNANNOUNCE_MS : 0, server.close())
  }

  #open(stream: DhtStream, signal: AbortSignal): Promise<DhtStream> {
    prepare(stream)
    return new Promise((resolve, reject) => {
      let failure: unknown = new Error('the stream ended before it was open')
      const settle = (then: () => void): void => {
        timer.cancel()
        signal.removeEventListener('abort', onAbort)
        then()
      }
      const fail = (reason: unknown): void => {
        settle(() => reject(reason))
        stream.destroy()
      }
      const onAbort = (): void => fail(signal.reason)
      const timer = this.#clock.setTimer(this.#dialTimeoutMs, () => fail(new Error('no answer in time')))
      signal.addEventListener('abort', onAbort)
      stream.on('error', (error) => {
        failure = error
      })
      stream.on('close', () => fail(failure))
      stream.on('open', () => settle(() => resolve(stream)))
    })
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new TransportError('ERR_CLOSED', 'the transport is closed')
  }
}

function accept(stream: DhtStream, onStream: (incoming: IncomingStream) => void): void {
  prepare(stream)
  const { remotePublicKey, rawStream } = stream
  if (!remotePublicKey || !rawStream) return void stream.destroy()
  // The host is for whoever limits strangers; dialled is the key.
  const place = { host: rawStream.remoteHost, port: rawStream.remotePort, path: '' }
  onStream({ stream, address: { scheme: 'hyper', peer: toPeerId(remotePublicKey), ...place } })
}

/** Every error also ends the stream; unheard it would end the process. And one half alone never closes. */
function prepare(stream: DhtStream): void {
  stream.on('error', () => {})
  stream.on('end', () => stream.end())
}

/** What the library's codes mean to people; the code itself is in the cause. */
const REASONS: Readonly<Record<string, string>> = {
  PEER_NOT_FOUND: 'nobody has announced this key',
  PEER_CONNECTION_FAILED: 'the nodes that know the peer could not reach it',
  HOLEPUNCH_ABORTED: 'the NATs between could not be crossed',
  HOLEPUNCH_DOUBLE_RANDOMIZED_NATS: 'both NATs choose ports at random, and no relay is known',
  CANNOT_HOLEPUNCH: 'the peer is not reachable from outside its network',
  REMOTE_NOT_HOLEPUNCHABLE: 'the peer is not reachable from outside its network',
  REMOTE_ABORTED: 'the peer refused',
  SERVER_INCOMPATIBLE: 'the peer speaks another version',
}

function explain(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  for (const [code, reason] of Object.entries(REASONS)) if (hasCode(cause, code)) return `${reason} (${code})`
  return text
}

function aborted(signal: AbortSignal): TransportError {
  return new TransportError('ERR_ABORTED', 'dialling was aborted', { cause: signal.reason })
}
