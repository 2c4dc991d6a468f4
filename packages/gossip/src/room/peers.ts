// Who is in the room: a peer stays as long as one of its links leads to it.

import type { Link, PeerId } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'

export class Peers {
  readonly #all = new Map<PeerId, Link>()
  /** Where each open channel is; two links may lead to one peer for a while. */
  readonly #links = new Map<PeerHandle, Link>()

  get all(): ReadonlyMap<PeerId, Link> {
    return this.#all
  }

  /** True if the peer was not here. */
  up(peer: PeerHandle, link: Link): boolean {
    const isNew = !this.#all.has(link.remote)
    this.#links.set(peer, link)
    if (isNew) this.#all.set(link.remote, link)
    return isNew
  }

  /** Whose channel ended; it is here until it `left`. */
  down(peer: PeerHandle): PeerId | undefined {
    const remote = this.#links.get(peer)?.remote
    this.#links.delete(peer)
    return remote
  }

  /** True if no other link leads to the peer. */
  left(remote: PeerId): boolean {
    const other = [...this.#links.values()].find((link) => link.remote === remote)
    if (other) this.#all.set(remote, other)
    else this.#all.delete(remote)
    return other === undefined
  }

  clear(): void {
    this.#all.clear()
  }
}
