// Large records that nodes fetch: how many bytes each has asked for and not got, read from the frames that it sends. Beyond its
// bound a node asks for one more only if it asks for nothing else.

import type { PeerId } from '@hearsay/core'
import { decodeFrame } from '@hearsay/gossip/machine'
import type { Happening } from '../network.js'

export interface FetchingContext {
  /** Bytes of one large record, and how many of them a node may fetch at once. */
  readonly recordBytes: number
  readonly mostBytes: number
  onViolation(violation: string): void
}

/** The first byte of a `name` frame, and of `wanted` (docs/wire.md). */
const NAME = 4
const WANTED = 13

/** For scenarios without faults: names are those of a link that never ends. */
export class Fetching {
  readonly #context: FetchingContext
  /** By direction of a link: the places that have numbers. */
  readonly #names = new Map<string, string[]>()
  /** By node: places and numbers that it asked for parts of. */
  readonly #wanted = new Map<number, Set<string>>()

  constructor(context: FetchingContext) {
    this.#context = context
  }

  sent({ node, to, frame: bytes }: Extract<Happening, { type: 'sent' }>): void {
    if (bytes[0] !== NAME && bytes[0] !== WANTED) return
    const names = this.#names.get(`${node} ${to}`) ?? []
    this.#names.set(`${node} ${to}`, names)
    const frame = decodeFrame(bytes)
    if (frame.type === 'name') names.push(`${frame.author} ${frame.epoch}`)
    if (frame.type === 'wanted' && frame.parts.length > 0) this.#want(node, `${names[frame.name]} ${frame.first}`)
  }

  delivered(node: number, { author, epoch, seq }: { author: PeerId; epoch: number; seq: number }): void {
    this.#wanted.get(node)?.delete(`${author} ${epoch} ${seq}`)
  }

  #want(node: number, record: string): void {
    const wanted = this.#wanted.get(node) ?? new Set()
    this.#wanted.set(node, wanted.add(record))
    const { recordBytes, mostBytes, onViolation } = this.#context
    const bytes = wanted.size * recordBytes
    if (wanted.size > 1 && bytes > mostBytes)
      onViolation(`node ${node} fetches ${bytes} bytes at once, at most ${mostBytes} allowed`)
  }
}
