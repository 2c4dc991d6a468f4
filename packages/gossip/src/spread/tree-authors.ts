// What a node knows of each author's tree: who delivers that author's records first, which neighbours take them from us, and
// how late a push may be before it counts as lost. Bounded by recency.

import type { PeerId } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import { type Account, countOf } from '../machine/accounts.js'

/** Authors whose tree is remembered; of the one heard longest ago it is learnt anew. */
const MAX_AUTHORS = 65_536
/** A push is waited for so long at least and at most, in ms. */
const LEAST_DELAY_MS = 5
const MOST_DELAY_MS = 40
/** What a neighbour that takes records is marked with; one that does not, with when it said so. */
const EAGER = -1

/** The tree of one author, as one of its nodes sees it. */
export class TreeAuthor {
  /** Who delivered its latest record; null for own ones, or if it has gone. */
  parent: PeerHandle | null = null
  /** Who told of records before the parent sent them, and of how many in a row. */
  rival: { peer: PeerHandle; times: number } | null = null
  /** Where the latest record begins that had to be asked for: its name, for the record itself would keep its bytes. */
  repaired: { readonly epoch: number; readonly first: number } | null = null
  /** When the masks were last forgotten in a storm. */
  stormedAt: number = Number.NEGATIVE_INFINITY
  /** True if it came when its link had brought too many new authors: it is told of, not pushed. */
  readonly isQuiet: boolean
  readonly #masks = new Map<PeerHandle, number>()
  /** How much later a push came than the first word of it; follows the latest ones, up at once and down slowly. */
  #latenessMs = 12

  constructor(isQuiet: boolean) {
    this.isQuiet = isQuiet
  }

  /** How long a push is waited for. */
  get delayMs(): number {
    return Math.min(Math.max(this.#latenessMs + this.#latenessMs / 4, LEAST_DELAY_MS), MOST_DELAY_MS)
  }

  late(ms: number): void {
    this.#latenessMs = ms > this.#latenessMs ? ms : this.#latenessMs + (ms - this.#latenessMs) / 16
  }

  /** The neighbour takes this author's records from us. */
  graft(peer: PeerHandle): void {
    this.#masks.set(peer, EAGER)
  }

  /** It has them from somebody else. */
  prune(peer: PeerHandle, now: number): void {
    this.#masks.set(peer, now)
  }

  isEager(peer: PeerHandle): boolean {
    return this.#masks.get(peer) === EAGER
  }

  /** True if the neighbour was pruned after that time. */
  isPruned(peer: PeerHandle, after: number): boolean {
    const mask = this.#masks.get(peer)
    return mask !== undefined && mask !== EAGER && mask >= after
  }

  /** Nothing is known of the neighbours any more. */
  forgetMasks(): void {
    this.#masks.clear()
    this.rival = null
  }

  leave(peer: PeerHandle): void {
    this.#masks.delete(peer)
    if (this.parent === peer) this.parent = null
    if (this.rival?.peer === peer) this.rival = null
  }
}

export class TreeAuthors {
  readonly #authors = new Map<PeerId, TreeAuthor>()
  readonly #most: number

  constructor(most: number = MAX_AUTHORS) {
    this.#most = most
  }

  get account(): Account {
    return countOf(this.#authors.size, this.#most)
  }

  find(author: PeerId): TreeAuthor | undefined {
    return this.#authors.get(author)
  }

  /** The author's tree, as the one heard last; begun if need be. */
  open(author: PeerId, isQuiet: () => boolean): TreeAuthor {
    const tree = this.#authors.get(author) ?? new TreeAuthor(isQuiet())
    this.#authors.delete(author)
    this.#authors.set(author, tree)
    const [oldest] = this.#authors.keys()
    if (this.#authors.size > this.#most && oldest !== undefined) this.#authors.delete(oldest)
    return tree
  }

  leave(peer: PeerHandle): void {
    for (const tree of this.#authors.values()) tree.leave(peer)
  }
}
