// When each fork could be known, and when each node was told of it: from the moment on when its author had sent honest nodes two
// records that are of no one sequence.

import { forkOf, type PeerId, type SignedRecord, sameBytes } from '@hearsay/core'
import type { Happening } from '../network.js'
import type { Cast } from './cast.js'
import { type RecordContext, recordIn } from './sent-records.js'

/** So long after both were sent every honest node that is linked with others is told. */
const TOLD_MS = 10_000

export interface ForkTimesContext extends RecordContext {
  readonly ids: readonly PeerId[]
  readonly cast: Pick<Cast, 'isTwoFaced' | 'isHonest'>
}

/** What an author has told honest nodes in one epoch. */
interface Said {
  readonly author: PeerId
  /** The first record that was sent for each place, by where it begins and where it ends. */
  readonly starts: Map<number, SignedRecord>
  readonly ends: Map<number, SignedRecord>
  /** When one was that does not go with them. */
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
    const record = this.#context.cast.isHonest(to) ? recordIn(frame, this.#context) : null
    if (!record || record.header.author !== this.#context.ids[node]) return
    const { author, epoch, firstSeq, count } = record.header
    const said = this.#saidBy(author, epoch)
    const others = [said.starts.get(firstSeq), said.ends.get(firstSeq), said.starts.get(firstSeq + count)]
    if (others.some((other) => other && isFork(other, record))) said.bothAt ??= at
    if (said.starts.has(firstSeq)) return
    said.starts.set(firstSeq, record)
    said.ends.set(firstSeq + count, record)
  }

  #saidBy(author: PeerId, epoch: number): Said {
    const key = `${author} ${epoch}`
    const said = this.#said.get(key) ?? { author, starts: new Map(), ends: new Map(), bothAt: null, toldAt: new Map() }
    this.#said.set(key, said)
    return said
  }
}

function isFork(a: SignedRecord, b: SignedRecord): boolean {
  return !sameBytes(a.id, b.id) && forkOf(a, b) !== null
}

function delayOf(fork: Said & { readonly bothAt: number }, node: number, calmAt: number): number {
  return Math.max(0, (fork.toldAt.get(node) ?? Number.POSITIVE_INFINITY) - Math.max(fork.bothAt, calmAt))
}
