// A gossip without links, signatures or bounds: the least that keeps the promises of the contract, so that the suite has
// something to run on here. Engines stand in a package of their own.

import {
  CoreError,
  createIdentity,
  createTopic,
  type Delivery,
  Emitter,
  type Gossip,
  type GossipEvents,
  HearsayError,
  type HistoryQuery,
  type Identity,
  type Link,
  type PeerId,
  type Receipt,
} from '@hearsay/core'
import { memoryLinkPair } from '@hearsay/core/memory'

export const TOY_LIMIT_BYTES = 100_000

interface Message extends Omit<Delivery, 'via' | 'receivedAt'> {
  readonly confirmedBy: Set<PeerId>
  readonly onConfirmed: Set<() => void>
}

export class ToyGossip extends Emitter<GossipEvents> implements Gossip {
  readonly topic = createTopic('conformance')
  readonly peers = new Map<PeerId, Link>()
  readonly identity: Identity = createIdentity()
  readonly neighbours = new Map<PeerId, ToyGossip>()
  readonly #kept: Delivery[] = []
  readonly #messages = new Map<string, Message>()
  readonly #closing = new Set<() => void>()
  #nextSeq = 0
  #closed = false

  addLink(): void {}

  removeLink({ remote }: Link): void {
    this.neighbours.get(remote)?.leave(this.identity.id)
    this.leave(remote)
  }

  join(other: ToyGossip): void {
    const [link] = memoryLinkPair({ a: this.identity.id, b: other.identity.id })
    this.neighbours.set(other.identity.id, other)
    this.peers.set(other.identity.id, link)
    for (const message of this.#messages.values()) this.#push(message, other)
  }

  async publish(payload: Uint8Array, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Receipt> {
    if (this.#closed) throw new CoreError('ERR_CLOSED', 'closed')
    if (signal?.aborted) throw new CoreError('ERR_ABORTED', 'aborted')
    if (payload.byteLength > TOY_LIMIT_BYTES) throw new HearsayError('ERR_MESSAGE_SIZE', 'too large')
    const { id: author } = this.identity
    const place = { author, epoch: 1, seq: this.#nextSeq++, time: 0 }
    const message = {
      ...place,
      hops: 0,
      payload: new Uint8Array(payload),
      confirmedBy: new Set<PeerId>(),
      onConfirmed: new Set<() => void>(),
    }
    this.#accept(message, null)
    this.emit('published')
    return {
      ...place,
      peers: this.neighbours.size,
      confirmed: (count = 1, options = {}) => this.#confirmed(message, count, options),
    }
  }

  async *history({ author, from = 0, to = Number.POSITIVE_INFINITY }: HistoryQuery = {}): AsyncGenerator<Delivery> {
    for (const one of this.#kept) {
      if ((author ?? one.author) === one.author && one.seq >= from && one.seq < to) yield one
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const other of this.neighbours.values()) other.leave(this.identity.id)
    for (const stop of this.#closing) stop()
  }

  leave(peer: PeerId): void {
    this.neighbours.delete(peer)
    this.peers.delete(peer)
    this.emit('peer-leave', peer)
  }

  receive(message: Message, via: PeerId): void {
    if (this.#closed || this.#messages.has(`${message.author} ${message.seq}`)) return
    this.#accept(message, via)
  }

  #accept(message: Message, via: PeerId | null): void {
    const delivery = { ...message, receivedAt: 0, via }
    this.#messages.set(`${message.author} ${message.seq}`, message)
    this.#kept.push(delivery)
    if (via !== null) {
      this.emit('delivery', delivery)
      message.confirmedBy.add(this.identity.id)
      for (const check of message.onConfirmed) check()
    }
    for (const other of this.neighbours.values()) this.#push(message, other)
  }

  #push(message: Message, other: ToyGossip): void {
    queueMicrotask(() => other.receive({ ...message, hops: message.hops + 1 }, this.identity.id))
  }

  #confirmed(message: Message, count: number, { signal }: { readonly signal?: AbortSignal }): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) reject(new CoreError('ERR_ABORTED', 'aborted'))
      this.#closing.add(() => reject(new CoreError('ERR_CLOSED', 'closed')))
      const check = () => {
        if (message.confirmedBy.size >= count) resolve()
      }
      message.onConfirmed.add(check)
      check()
    })
  }
}
