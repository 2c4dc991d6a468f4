// Whoever asks for a link by hand, and is answered once.

import type { PeerId } from '@hearsay/core'
import { isNeeded, PRIORITY_BY_HAND, type Target } from './book.js'
import type { Emit, Failure, PoolInput } from './messages.js'
import type { Peers } from './peers.js'
import type { Planner } from './planner.js'

type Request = Extract<PoolInput, { readonly type: 'connect' }>

/** Requests that wait for one candidate. */
const MAX_REQUESTS = 64

export class Requests {
  readonly #self: PeerId
  readonly #emit: Emit
  readonly #peers: Peers
  readonly #planner: Planner

  constructor(parts: {
    readonly self: PeerId
    readonly emit: Emit
    readonly peers: Peers
    readonly planner: Planner
  }) {
    this.#self = parts.self
    this.#emit = parts.emit
    this.#peers = parts.peers
    this.#planner = parts.planner
  }

  onConnect(input: Request): void {
    const { request, address } = input
    const expected = input.peer ?? address?.peer ?? null
    const link = expected && this.#peers.linkWith(expected)
    if (link) return this.#emit({ type: 'settled', request, result: link })
    if (expected === this.#self) return this.refuse(request, { code: 'ERR_SELF', message: 'that is this node' })
    const target = this.#targetOf(input)
    if (!target) return this.refuse(request, { code: 'ERR_DIAL', message: 'no address of this peer is known' })
    if (target.requests.size >= MAX_REQUESTS) {
      return this.refuse(request, { code: 'ERR_LIMIT', message: 'too many ask for it' })
    }
    target.requests.add(request)
    target.priority = PRIORITY_BY_HAND
    if (target.state !== 'dialling') this.#planner.queue(target)
  }

  onCancel(request: number): void {
    const target = this.#planner.book.ofRequest(request)
    target?.requests.delete(request)
    if (target && !isNeeded(target)) this.#planner.stand(target)
  }

  refuse(request: number, result: Failure): void {
    this.#emit({ type: 'settled', request, result })
  }

  #targetOf({ peer, address }: Request): Target | null {
    const { book } = this.#planner
    if (address) return book.note({ peer: address.peer, addresses: [address], source: 'manual' })
    const known = peer ? book.of(peer) : []
    return known.find(({ addresses }) => addresses.length > 0) ?? null
  }
}
