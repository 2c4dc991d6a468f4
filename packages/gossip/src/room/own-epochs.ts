// The epochs that this node signs in, one after another. Who meets somebody else that signs in its epoch goes on in a new one:
// its messages have numbers of their own that go on through all of them, since those of each epoch begin at 0.

/** Where a message stands. */
export interface OwnPlace {
  readonly epoch: number
  readonly seq: number
}

interface Life {
  readonly epoch: number
  /** Messages of the epochs before. */
  readonly base: number
}

export class OwnEpochs {
  readonly #lives: Life[] = []
  #said = 0

  constructor(first: number) {
    this.begin(first)
  }

  get current(): number {
    return this.#lives.at(-1)?.epoch ?? 0
  }

  begin(epoch: number): void {
    this.#lives.push({ epoch, base: this.#said })
  }

  /** The number of a message of the present epoch. */
  numberOf(seq: number): number {
    return (this.#lives.at(-1)?.base ?? 0) + seq
  }

  /** The numbers of these messages of one epoch, as far as it said them; null if that is nothing. */
  numbersOf(epoch: number, { from, to }: { readonly from: number; readonly to: number }): [number, number] | null {
    const index = this.#lives.findIndex((life) => life.epoch === epoch)
    const life = this.#lives[index]
    if (!life) return null
    const first = life.base + from
    const end = Math.min(life.base + to, this.#lives[index + 1]?.base ?? this.#said)
    return first < end ? [first, end] : null
  }

  /** So many messages were said in the present epoch. */
  said(count: number): void {
    this.#said = this.numberOf(count)
  }

  placeOf(number: number): OwnPlace {
    const life = this.#lives.findLast(({ base }) => base <= number)
    return { epoch: life?.epoch ?? 0, seq: number - (life?.base ?? 0) }
  }
}
