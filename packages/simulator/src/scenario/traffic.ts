// What honest nodes send, counted from the bytes of their frames: by kind, by delivery, before and after trees are warm.

import type { FrameReader } from '../frame-kinds.js'

/** Records of an epoch from which on its tree counts as warm. */
const WARM_FROM = 3

/** Counters of one run. */
export class Traffic {
  readonly #reader: FrameReader
  readonly #bytes: number[]
  readonly #frames: number[]
  readonly #all = { copies: 0, deliveries: 0 }
  readonly #warm = { copies: 0, deliveries: 0 }
  #controlBytes = 0

  constructor(reader: FrameReader) {
    this.#reader = reader
    this.#bytes = reader.kinds.map(() => 0)
    this.#frames = reader.kinds.map(() => 0)
  }

  sent(frame: Uint8Array): void {
    const kind = this.#reader.kindOf(frame)
    this.#bytes[kind] = (this.#bytes[kind] ?? 0) + frame.byteLength
    this.#frames[kind] = (this.#frames[kind] ?? 0) + 1
    const seq = this.#reader.seqOf(frame)
    if (seq === null) this.#controlBytes += frame.byteLength
    else {
      this.#all.copies++
      if (seq >= WARM_FROM) this.#warm.copies++
    }
  }

  delivered(seq: number): void {
    this.#all.deliveries++
    if (seq >= WARM_FROM) this.#warm.deliveries++
  }

  /** Copies beyond the first, by delivery. */
  get redundancy(): { readonly all: number; readonly warm: number } {
    const of = ({ copies, deliveries }: { copies: number; deliveries: number }): number =>
      deliveries === 0 ? 0 : Math.max(0, copies / deliveries - 1)
    return { all: of(this.#all), warm: of(this.#warm) }
  }

  /** Bytes of all frames but records, by delivery. */
  get controlBytes(): number {
    return this.#controlBytes / Math.max(1, this.#all.deliveries)
  }

  get bytes(): number {
    return this.#bytes.reduce((sum, one) => sum + one, 0)
  }

  get bytesByKind(): Readonly<Record<string, number>> {
    return this.#byKind(this.#bytes)
  }

  get framesByKind(): Readonly<Record<string, number>> {
    return this.#byKind(this.#frames)
  }

  #byKind(counts: readonly number[]): Record<string, number> {
    return Object.fromEntries(this.#reader.kinds.map((kind, index) => [kind, counts[index] ?? 0]))
  }
}
