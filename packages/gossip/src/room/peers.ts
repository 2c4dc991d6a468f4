// Who is in the room: a peer stays as long as one of its links leads to it.

import type { Clock, Link, PeerId } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'

export class Peers {
  readonly #all = new Map<PeerId, Link>()
  /** Where each open channel is; two links may lead to one peer for a while. */
  readonly #links = new Map<PeerHandle, Link>()
  #onSomeone: (() => void) | null = null

  get all(): ReadonlyMap<PeerId, Link> {
    return this.#all
  }

  /** True if the peer was not here. */
  up(peer: PeerHandle, link: Link): boolean {
    const isNew = !this.#all.has(link.remote)
    this.#links.set(peer, link)
    if (isNew) this.#all.set(link.remote, link)
    this.#onSomeone?.()
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

  /** Of all channels that are open. */
  get handles(): readonly PeerHandle[] {
    return [...this.#links.keys()]
  }

  /** Resolves when one is here that was not, or none came for so long. */
  someone(clock: Clock, withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.setTimer(withinMs, resolve)
      this.#onSomeone = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  clear(): void {
    this.#all.clear()
    this.#onSomeone?.()
  }
}
