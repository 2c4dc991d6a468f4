// What a neighbour has shown by records that it handed over, and that it cannot have had from this node: whose records it
// gets from elsewhere and passes on. What it only says that it holds proves nothing, so for each author it is asked once for
// a record that it tells of and that is here already: a small price for knowing who would deliver if others did not.
//
// What was shown does not age, so one record of each author handed over once counts as long as the link lasts. No rule was found
// that takes it back from liars alone:
// - That it sends nothing more of an author proves nothing: who is further from the author than this node is told by this node
//   first, and has nothing to tell back. Nor does it prove anything that it tells of nothing, for the same reason.
// - To ask again for what is here proves something only of what it was not given by this node. A liar takes all of it from this node
//   and is never found out; an honest neighbour further from the author does just the same.
// - To keep a record back from it until it has shown that it gets it elsewhere would delay what honest neighbours live on.

import type { PeerId } from '@hearsay/core'

/** Authors of which it is remembered that it brought them, and those of which it is asked to show something. */
const MAX_AUTHORS = 64
const MAX_QUESTIONS = 16
/** What it may be asked to show, together: a trial must not cost what a history does. */
const MAX_QUESTION_BYTES = 32_768
/** Of so many of the latest arrivals it is remembered which of them the neighbour was given. */
const MAX_GIVEN = 128

export class Showings {
  readonly #shown = new Set<PeerId>()
  readonly #asked = new Set<PeerId>()
  #askedBytes = 0
  /** Positions of the arrival log that it was given, by their lowest digits. */
  readonly #given: number[] = []

  /** The neighbour was sent what is at this position of the arrival log. */
  give(position: number): void {
    this.#given[position % MAX_GIVEN] = position
  }

  /** True if what is at this position is so new that it would be remembered if it had been given, and it was not. */
  isForeign(position: number, next: number): boolean {
    return position >= next - MAX_GIVEN && this.#given[position % MAX_GIVEN] !== position
  }

  /** It has handed over a record of this author; true if that is the first one. */
  show(author: PeerId): boolean {
    if (this.#shown.has(author) || this.#shown.size >= MAX_AUTHORS) return false
    this.#shown.add(author)
    return true
  }

  /** True if it is to be asked for a record of this author that is here already, of so many bytes: once. */
  ask(author: PeerId, bytes: number): boolean {
    if (this.#shown.has(author) || this.#asked.has(author) || this.#asked.size >= MAX_QUESTIONS) return false
    if (this.#askedBytes + bytes > MAX_QUESTION_BYTES) return false
    this.#asked.add(author)
    this.#askedBytes += bytes
    return true
  }
}
