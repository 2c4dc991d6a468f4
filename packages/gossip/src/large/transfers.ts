// Large records on their way out to one neighbour: their parts as they are here and wanted, several records in turns.

import { encodeRecordHead } from '@hearsay/core'
import { encodePartFrame, MAX_UNASKED, type PartRange } from '../frames/part-frames.js'
import type { Arrival } from '../machine/arrivals.js'
import type { LargeBlock } from './large-block.js'

/** To one neighbour at once; one that it wants no parts of gives way to the next. */
export const MAX_TRANSFERS = 256

export interface Transfer {
  readonly position: number
  readonly arrival: Arrival
  readonly block: LargeBlock
  /** Parts that it wants, in the order in which it asked, and those that it was sent. */
  readonly wanted: Set<number>
  readonly sent: Set<number>
  isHeadSent: boolean
}

export class Transfers {
  /** By position; who was served last is last. */
  readonly #transfers = new Map<number, Transfer>()

  get size(): number {
    return this.#transfers.size
  }

  has(position: number): boolean {
    return this.#transfers.has(position)
  }

  all(): IterableIterator<Transfer> {
    return this.#transfers.values()
  }

  find(position: number): Transfer | undefined {
    return this.#transfers.get(position)
  }

  /** True if none may begin unless another gives way. */
  get isFull(): boolean {
    return this.#transfers.size >= MAX_TRANSFERS
  }

  /** True if one more may begin, for which another gives way if need be. */
  get hasRoom(): boolean {
    if (this.#transfers.size < MAX_TRANSFERS) return true
    for (const { wanted, position } of this.#transfers.values()) {
      if (wanted.size > 0) continue
      this.#transfers.delete(position)
      return true
    }
    return false
  }

  begin(position: number, arrival: Arrival): Transfer {
    const transfer: Transfer = {
      ...{ position, arrival, block: arrival.body as LargeBlock },
      ...{ wanted: new Set<number>(), sent: new Set<number>(), isHeadSent: false },
    }
    this.#transfers.set(position, transfer)
    return transfer
  }

  end(position: number): void {
    this.#transfers.delete(position)
  }

  /** The head frame; some parts follow unasked, unless other records wait to be asked for. */
  headOf(transfer: Transfer, mayFollow: boolean): Uint8Array {
    const parts = mayFollow && this.#transfers.size === 1 ? Math.min(MAX_UNASKED, transfer.block.count) : 0
    for (let index = 0; index < parts; index++) transfer.wanted.add(index)
    transfer.isHeadSent = true
    const { record, hops } = transfer.arrival
    return encodePartFrame({ type: 'head', hops, parts, head: encodeRecordHead(record) })
  }

  /** It asks for these; what it was sent it is not sent again. */
  want({ block, wanted, sent }: Transfer, ranges: readonly PartRange[]): void {
    for (const { from, to } of ranges) {
      for (let index = from; index < Math.min(to, block.count); index++) if (!sent.has(index)) wanted.add(index)
    }
  }

  /** The transfer whose turn it is, with a part that is wanted and here; or whose head is to go. */
  next(): { readonly transfer: Transfer; readonly index: number | null } | null {
    for (const transfer of this.#transfers.values()) {
      if (!transfer.isHeadSent) return { transfer, index: null }
      const index = nextOf(transfer)
      if (index !== undefined) return { transfer, index }
    }
    return null
  }

  /** A part went out; true if it was the last one. The others are served before it again. */
  sent(transfer: Transfer, index: number): boolean {
    const { position, wanted, sent, block } = transfer
    wanted.delete(index)
    sent.add(index)
    this.#transfers.delete(position)
    if (sent.size === block.count) return true
    this.#transfers.set(position, transfer)
    return false
  }
}

/** A part that is wanted and here, found among whichever are fewer: all may be wanted of a block of which nothing ever comes. */
function nextOf({ block, wanted }: Transfer): number | undefined {
  if (block.partial !== null && block.partial.size < wanted.size) {
    for (const index of block.partial.keys()) if (wanted.has(index)) return index
    return undefined
  }
  for (const index of wanted) if (block.has(index)) return index
  return undefined
}
