// What topics need: candidates that they want linked, and peers that they let go.

import type { PeerId } from '@hearsay/core'
import { addTopic, isNeeded, peerOf, type Target } from './book.js'
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
}

export class Wants {
  readonly #options: WantsOptions

  constructor(options: WantsOptions) {
    this.#options = options
  }

  /** Remembers the candidate for its topic; null for ourselves, or where there is no room. */
  note({ target, topic }: Offer | Want): Target | null {
    const { self, planner } = this.#options
    if (target.peer === self) return null
    const known = planner.book.note(target)
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
    const { planner, peers, emit, graceMs } = this.#options
    const targets = planner.book.of(peer)
    const released = targets.filter((target) => target.wanted.delete(topic))
    for (const target of released) if (!isNeeded(target)) planner.stand(target)
    if (released.length === 0 || targets.some(isHeld) || !peers.linkWith(peer)) return
    emit({ type: 'timer', timer: `grace/${peer}`, ms: graceMs })
  }

  onGraceEnd(peer: PeerId): void {
    const { planner, peers } = this.#options
    if (planner.book.of(peer).some(isHeld)) return
    peers.closeAll(peer, 'ERR_UNWANTED', 'no topic needs this link')
  }
}

/** A topic or a person needs the link. */
function isHeld(target: Target): boolean {
  return isNeeded(target) || target.kept
}
