// What topics need: candidates that they want linked, and peers that they let go.

import type { Address, PeerId, TopicId } from '@hearsay/core'
import { addTopic, isNeeded, peerOf, type Target } from './book.js'
import type { Teller } from './hearsay.js'
import type { Emit, PoolInput } from './messages.js'
import type { Peers } from './peers.js'
import type { Planner } from './planner.js'

type Want = Extract<PoolInput, { readonly type: 'want' }>
type Offer = Extract<PoolInput, { readonly type: 'offer' }>
type Release = Extract<PoolInput, { readonly type: 'release' }>

export interface WantsOptions {
  readonly self: PeerId
  readonly graceMs: number
  readonly emit: Emit
  readonly peers: Peers
  readonly planner: Planner
  /** True if an address that was only heard of is worth a dial. */
  readonly isCredible: (address: Address, teller: Teller) => boolean
}

export class Wants {
  readonly #options: WantsOptions

  constructor(options: WantsOptions) {
    this.#options = options
  }

  /** Remembers the candidate for its topic; null for ourselves, for nothing credible, or where there is no room. */
  note({ target, topic, teller = null }: Offer | Want): Target | null {
    const { self, planner, isCredible } = this.#options
    if (target.peer === self) return null
    const from: Teller = target.referrer === undefined ? 'discovery' : teller
    const isWorth = (address: Address): boolean => target.persistent === true || isCredible(address, from)
    const known = planner.book.note({ ...target, addresses: target.addresses.filter(isWorth) })
    if (known) addTopic(known.offered, topic)
    return known
  }

  onWant(input: Want): void {
    const { planner, emit } = this.#options
    const target = this.note(input)
    if (!target) return
    addTopic(target.wanted, input.topic)
    target.priority = Math.max(target.priority, input.priority)
    const link = planner.linkOf(target)
    const peer = peerOf(target)
    if (link && peer) emit({ type: 'stop', timer: `grace/${peer}` })
    else if (target.state === 'idle') planner.queue(target)
  }

  onRelease({ peer, topic }: Release): void {
    const { book } = this.#options.planner
    const targets = typeof peer === 'string' ? book.of(peer) : book.find(peer)
    const released = targets.filter((target) => target.wanted.delete(topic))
    for (const target of released) this.#onUnwanted(target)
    const linked = typeof peer === 'string' ? peer : released.map(peerOf)[0]
    if (released.length > 0 && linked) this.#beginGrace(linked)
  }

  onLeave(topic: TopicId): void {
    const peers = new Set<PeerId>()
    for (const target of this.#options.planner.book.values()) {
      target.offered.delete(topic)
      if (!target.wanted.delete(topic)) continue
      this.#onUnwanted(target)
      const peer = peerOf(target)
      if (peer) peers.add(peer)
    }
    for (const peer of peers) this.#beginGrace(peer)
  }

  /** This node dialled it, and whoever wanted it is gone: nobody else will end it. */
  onDialled(peer: PeerId): void {
    this.#beginGrace(peer)
  }

  onGraceEnd(peer: PeerId): void {
    const { planner, peers } = this.#options
    if (planner.book.of(peer).some(isHeld)) return
    peers.closeAll(peer, 'ERR_UNWANTED', 'no topic needs this link')
  }

  #onUnwanted(target: Target): void {
    if (!isNeeded(target)) this.#options.planner.stand(target)
  }

  #beginGrace(peer: PeerId): void {
    const { planner, peers, emit, graceMs } = this.#options
    if (planner.book.of(peer).some(isHeld) || !peers.linkWith(peer)) return
    emit({ type: 'timer', timer: `grace/${peer}`, ms: graceMs })
  }
}

/** A topic or a person needs the link. */
function isHeld(target: Target): boolean {
  return isNeeded(target) || target.kept
}
