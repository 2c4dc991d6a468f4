// What a neighbour is worth: whose records it hands over that few others do. One that passes on what everybody passes on can
// be spared; one that alone brings an author cannot, until somebody else does. Who says something itself is worth a little:
// that costs nobody anything.

import type { PeerId } from '@hearsay/core'
import type { Neighbour, View } from './view.js'

/** Authors of which it is looked who brings them: the first ones; another only in place of one whom nobody brings any more. */
const MAX_AUTHORS = 32
/** What it is worth to have been the first to bring anything at all. */
const SPOKE = 1 / 8
/** Neighbours that are to bring each author, should one of them fall silent. */
const ENOUGH = 2

export class Worth {
  readonly #view: View
  /** Those that were heard through others. */
  readonly #authors = new Set<PeerId>()

  constructor(view: View) {
    this.#view = view
  }

  /** The neighbour has handed over what this author said; true if nobody did before. */
  show(member: Neighbour, author: PeerId): boolean {
    const isNew = !this.#authors.has(author)
    if (isNew && this.#authors.size >= MAX_AUTHORS && !this.#forgetOne()) return false
    this.#authors.add(author)
    member.shown.add(author)
    return isNew
  }

  /** The share that it has in each author; 0 for one that brings nothing. */
  of({ hasBrought, shown }: Neighbour): number {
    let worth = hasBrought ? SPOKE : 0
    for (const author of shown) worth += 1 / this.#bringers(author).length
    return worth
  }

  /** True if some author is brought by too few neighbours. */
  get isLacking(): boolean {
    for (const author of this.#authors) if (this.#bringers(author).length < ENOUGH) return true
    return false
  }

  /** Those of these that are worth least, if that is less than the newcomer is, or nothing. */
  worse(members: readonly Neighbour[], newcomer: Neighbour): readonly Neighbour[] {
    const worst = this.worst(
      members.filter((member) => member !== newcomer),
      newcomer,
    )
    const least = worst[0] ? this.of(worst[0]) : 0
    return least === 0 || least < this.of(newcomer) ? worst : []
  }

  /** Those of these that are worth least and can be spared. */
  worst(members: readonly Neighbour[], newcomer: Neighbour | null = null): readonly Neighbour[] {
    const spare = members.filter((member) => !this.isNeeded(member, newcomer))
    const least = Math.min(...spare.map((member) => this.of(member)))
    return spare.filter((member) => this.of(member) === least)
  }

  /** True if an author would be brought by too few others without it, newcomer included. */
  isNeeded(member: Neighbour, newcomer: Neighbour | null = null): boolean {
    for (const author of member.shown) {
      if (newcomer?.shown.has(author)) continue
      if (this.#bringers(author).length <= ENOUGH) return true
    }
    return false
  }

  /** False if each of them is brought by somebody. */
  #forgetOne(): boolean {
    for (const author of this.#authors) if (this.#bringers(author).length === 0) return this.#authors.delete(author)
    return false
  }

  #bringers(author: PeerId): readonly Neighbour[] {
    return this.#view.active().filter(({ shown }) => shown.has(author))
  }
}
