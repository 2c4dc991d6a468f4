// The streams of a pool, from the moment that they are dialled, accepted or handed in until they are gone: it opens and ends
// them as it is told, within the limits of strangers, and answers those who handed one in.

import {
  type ByteStream,
  type CloseReason,
  type IncomingStream,
  type Link,
  type PeerId,
  printAddress,
  type Transport,
} from '@hearsay/core'
import type { MuxLink } from '@hearsay/core/mux'
import { TransportError } from '../errors.js'
import type { AttachOptions, PeerToValidate } from '../pool.js'
import { Acceptor, discard, muffle } from './acceptor.js'
import { encodeTries } from './busy.js'
import { Connection, type ConnectionHost, type ConnectionOptions } from './connection.js'
import type { ConnectionId, Failure, PoolInput, PoolOutput } from './messages.js'
import { describePeer, type PoolHost } from './setup.js'
import { Waiters } from './waiters.js'

type OutputOf<Type extends PoolOutput['type']> = Extract<PoolOutput, { readonly type: Type }>

const GONE: Failure = { code: 'ERR_CLOSED', message: 'the link is gone' }

export class Connections {
  readonly #setup: PoolHost
  readonly #host: ConnectionHost
  readonly #acceptor: Acceptor
  readonly #connections = new Map<ConnectionId, Connection>()
  readonly #attached = new Waiters<ConnectionId>()
  /** Goodbyes that are being said. */
  readonly #partings = new Set<Promise<void>>()
  #count = 0

  constructor(setup: PoolHost, input: (input: PoolInput) => void) {
    const { clock, limits, ownHosts } = setup
    this.#setup = setup
    this.#host = { ...setup.connection, input }
    this.#acceptor = new Acceptor({ clock, limits, ownHosts, onEvicted: (id) => this.drop(id) })
  }

  /** Accepted streams that have not finished their handshake. */
  get halfOpen(): number {
    return this.#acceptor.halfOpen
  }

  linkOf(id: ConnectionId): MuxLink | null {
    return this.#connections.get(id)?.link ?? null
  }

  describe(id: ConnectionId, peer: PeerId): PeerToValidate {
    return describePeer(peer, this.#connections.get(id))
  }

  accept(incoming: IncomingStream, { capabilities }: Transport): void {
    const id: ConnectionId = `in/${this.#count++}`
    if (!this.#acceptor.admit(id, incoming)) return this.#setup.log('an inbound stream was dropped', {})
    const { address, stream, initiator = false } = incoming
    muffle(stream)
    const { authenticated } = capabilities
    this.#open({ id, initiator, address, expected: null, authenticated, open: async () => stream })
  }

  dial({ connection: id, address, expected }: OutputOf<'dial'>): void {
    const transport = this.#setup.transports.get(address.scheme)
    const authenticated = transport?.capabilities.authenticated ?? false
    const open = async (signal: AbortSignal): Promise<ByteStream> => {
      if (!transport) throw new TransportError('ERR_DIAL', `no transport for ${address.scheme}`)
      return muffle(await transport.dial(address, { signal }))
    }
    this.#setup.log('dialling', { address: printAddress(address) })
    this.#open({ id, initiator: true, address, expected, authenticated, open })
  }

  attach(stream: ByteStream, { initiator, expected }: AttachOptions): Promise<Link> {
    const id: ConnectionId = `hand/${this.#count++}`
    const link = this.#attached.wait(id)
    muffle(stream)
    this.#open({
      id,
      initiator,
      address: null,
      expected: expected ?? null,
      authenticated: false,
      open: async () => stream,
    })
    return link
  }

  greet(id: ConnectionId): void {
    this.#connections.get(id)?.greet()
  }

  ping(id: ConnectionId, timeoutMs: number): void {
    this.#connections.get(id)?.ping(timeoutMs)
  }

  /** It is the link with its peer now. */
  onLinked(id: ConnectionId, link: Link): void {
    this.#attached.resolve(id, link)
  }

  /** What an input means for the streams themselves. */
  onInput(input: PoolInput): void {
    if (input.type === 'authenticated') this.#acceptor.prove(input.connection)
    else if (input.type === 'ready') this.#acceptor.leave(input.connection)
    else if (input.type === 'ended') this.#forget(input.connection, GONE)
    else if (input.type === 'failed')
      this.#forget(input.connection, { code: input.code, message: 'no link came of it' })
  }

  /** Ends it without a word. */
  drop(id: ConnectionId): void {
    this.#connections.get(id)?.drop()
    this.#forget(id, { code: 'ERR_ABORTED', message: 'given up' })
  }

  /** Ends it with a goodbye. */
  part({ connection: id, code, message, tries = [] }: OutputOf<'close'>): void {
    const farewell: Omit<CloseReason, 'by'> = { code, message, ...(tries.length > 0 && { extra: encodeTries(tries) }) }
    const parting = this.#connections.get(id)?.close(farewell)
    this.#forget(id, { code, message })
    if (!parting) return
    this.#partings.add(parting)
    void parting.then(() => this.#partings.delete(parting))
  }

  /** Resolves when every goodbye has been said. */
  async parted(): Promise<void> {
    await Promise.all(this.#partings)
  }

  /** Drops what is left. */
  dropAll(why: Failure): void {
    for (const [id, connection] of [...this.#connections]) {
      connection.drop()
      this.#forget(id, why)
    }
    this.#attached.rejectAll(why)
  }

  #open(options: ConnectionOptions): void {
    this.#connections.set(options.id, new Connection(this.#host, options))
  }

  #forget(id: ConnectionId, failure: Failure): void {
    this.#connections.delete(id)
    this.#acceptor.leave(id)
    this.#attached.reject(id, failure)
  }
}

/** A stream for which nobody is there any more. */
export function turnAway({ stream }: IncomingStream): void {
  discard(stream)
}
