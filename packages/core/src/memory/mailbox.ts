// Values on their way from those who push to one who iterates. A value that nobody has taken yet is replaced by a newer
// one of the same key, so the number of keys bounds what waits.

/** A queue with one entry a key, read as an async iterable. */
export class Mailbox<Value> implements AsyncIterable<Value> {
  readonly #waiting = new Map<string, Value>()
  readonly #readers: (() => void)[] = []
  #ended = false

  push(key: string, value: Value): void {
    if (this.#ended) return
    this.#waiting.delete(key)
    this.#waiting.set(key, value)
    this.#readers.shift()?.()
  }

  /** Ends every iteration; what waits is forgotten. */
  end(): void {
    this.#ended = true
    this.#waiting.clear()
    for (const wake of this.#readers.splice(0)) wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Value> {
    while (!this.#ended) {
      const [next] = this.#waiting
      if (next) {
        this.#waiting.delete(next[0])
        yield next[1]
      } else await new Promise<void>((resolve) => this.#readers.push(resolve))
    }
  }
}
