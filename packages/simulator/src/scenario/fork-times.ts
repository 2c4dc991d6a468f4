// When each fork could be known, and when each node was told of it: from the moment on when its author had sent two things for
// one place to honest nodes.

import { type Crypto, decodeRecord, type PeerId, type SignedRecord, type Topic } from '@hearsay/core'
import { decodeFrame } from '@hearsay/gossip/machine'
import type { Happening } from '../network.js'
import type { Cast } from './cast.js'

/** So long after both were sent every honest node that is linked with others is told. */
const TOLD_MS = 10_000

export interface ForkTimesContext {
  readonly ids: readonly PeerId[]
  readonly topic: Topic
  readonly crypto: Crypto
  readonly cast: Pick<Cast, 'isTwoFaced' | 'isHonest'>
}

/** What an author has told honest nodes in one epoch. */
interface Said {
  readonly author: PeerId
  /** The first id that was sent for each place. */
  readonly ids: Map<number, string>
  /** When another one was. */
  bothAt: number | null
  /** When each node was told. */
  readonly toldAt: Map<number, number>
}

export class ForkTimes {
  readonly #context: ForkTimesContext
  readonly #said = new Map<string, Said>()

  constructor(context: ForkTimesContext) {
    this.#context = context
  }

  note(happening: Happening, at: number): void {
    if (happening.type === 'fork') {
      const { author, epoch } = happening.fork
      const { toldAt } = this.#saidBy(author, epoch)
      if (!toldAt.has(happening.node)) toldAt.set(happening.node, at)
    } else if (happening.type === 'sent' && this.#context.cast.isTwoFaced(happening.node)) this.#onSent(happening, at)
  }

  /** A new life of the node begins, which knows nothing. */
  forget(node: number): void {
    for (const { toldAt } of this.#said.values()) toldAt.delete(node)
  }

  /** The most ms from when a fork could be known until one of these nodes was told of it; null if none was. Those never told are `untold`. */
  slowest(nodes: readonly number[], calmAt: number): number | null {
    const delays = this.#forks().flatMap((fork) => nodes.map((node) => delayOf(fork, node, calmAt)))
    const told = delays.filter(Number.isFinite)
    return told.length === 0 ? null : Math.max(...told)
  }

  /** Sentences about forks that some of these linked nodes were told of too late, or never; before `calmAt` not all were linked. */
  untold(nodes: readonly number[], calmAt: number): string[] {
    return this.#forks().flatMap((fork) => {
      const late = nodes.filter((node) => delayOf(fork, node, calmAt) > TOLD_MS).length
      const by = this.#context.ids.indexOf(fork.author)
      return late === 0 ? [] : [`${late} of ${nodes.length} nodes were not told of the fork of node ${by} in time`]
    })
  }

  #forks(): (Said & { readonly bothAt: number })[] {
    return [...this.#said.values()].flatMap((said) => (said.bothAt === null ? [] : [{ ...said, bothAt: said.bothAt }]))
  }

  #onSent({ node, to, frame }: Extract<Happening, { type: 'sent' }>, at: number): void {
    const record = this.#context.cast.isHonest(to) ? this.#recordIn(frame) : null
    if (!record || record.header.author !== this.#context.ids[node]) return
    const { author, epoch, firstSeq } = record.header
    const said = this.#saidBy(author, epoch)
    const id = record.id.join()
    const first = said.ids.get(firstSeq) ?? id
    said.ids.set(firstSeq, first)
    if (first !== id) said.bothAt ??= at
  }

  #recordIn(bytes: Uint8Array): SignedRecord | null {
    const frame = decodeFrame(bytes)
    return frame.type === 'record' ? decodeRecord(frame.record, this.#context.topic, this.#context.crypto) : null
  }

  #saidBy(author: PeerId, epoch: number): Said {
    const key = `${author} ${epoch}`
    const said = this.#said.get(key) ?? { author, ids: new Map(), bothAt: null, toldAt: new Map() }
    this.#said.set(key, said)
    return said
  }
}

function delayOf(fork: Said & { readonly bothAt: number }, node: number, calmAt: number): number {
  return Math.max(0, (fork.toldAt.get(node) ?? Number.POSITIVE_INFINITY) - Math.max(fork.bothAt, calmAt))
}
