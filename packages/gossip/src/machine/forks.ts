// Authors that said two things for one place: each is told once to the application and to every neighbour, with the proof.

import {
  type Crypto,
  encodeForkProof,
  type ForkProof,
  forkOf,
  type PeerId,
  type RecordHead,
  readFork,
  sameBytes,
  type Topic,
} from '@hearsay/core'
import type { Output, PeerHandle } from '../engine.js'
import type { Ordering } from '../order/ordering.js'
import type { Source } from './arrivals.js'
import { EarlyProofs } from './early-proofs.js'
import { attempt, type Fault, signatureFault } from './intake.js'

/** Proofs that are kept for neighbours that come later; the oldest goes first. */
const MAX_PROOFS = 64

/** A proof, and who need not be told of it. */
export interface ToldFork {
  readonly proof: ForkProof
  readonly via: PeerHandle | null
}

export class Forks {
  readonly #context: { readonly topic: Topic; readonly crypto: Crypto }
  readonly #ordering: Ordering
  readonly #emit: (output: Output) => void
  readonly #spread: (fork: ToldFork) => void
  readonly #isOwn: (place: Source) => boolean
  readonly #proofs: ForkProof[] = []
  readonly #early = new EarlyProofs()

  constructor(
    context: { readonly topic: Topic; readonly crypto: Crypto },
    parts: {
      readonly ordering: Ordering
      readonly emit: (output: Output) => void
      readonly spread: (fork: ToldFork) => void
      readonly isOwn: (place: Source) => boolean
    },
  ) {
    this.#context = context
    this.#ordering = parts.ordering
    this.#emit = parts.emit
    this.#spread = parts.spread
    this.#isOwn = parts.isOwn
  }

  /** For a neighbour that has just come. */
  get proofs(): readonly ForkProof[] {
    return this.#proofs
  }

  /** Two valid records that are no one sequence came here. */
  onRecords(held: RecordHead, other: RecordHead): void {
    const { author, epoch } = held.header
    const at = forkOf(held, other)
    if (at !== null) this.#note({ author, epoch, at }, { proof: encodeForkProof(held, other), via: null })
  }

  /** A neighbour tells of a fork; answers what is wrong with it. One of an author that is not heard waits until it is. */
  onProof(proof: ForkProof, via: PeerHandle): Fault | null {
    const { topic, crypto } = this.#context
    const read = attempt(() => readFork(proof, crypto))
    if ('fault' in read) return { ...read.fault, code: 'ERR_FRAME' }
    const { author, epoch, at, topicId, heads } = read.value
    if (!sameBytes(topic.idBytes, topicId)) return { code: 'ERR_FRAME', message: 'a fork in another topic', ban: false }
    // What would change nothing is not worth two looks at signatures.
    if (!this.#mayFork({ author, epoch })) {
      if (!this.#ordering.isForked(author, epoch)) this.#early.put({ author, epoch }, proof, via)
      return null
    }
    const [a, b] = heads
    const fault = signatureFault(a, crypto) ?? signatureFault(b, crypto)
    if (!fault) this.#note({ author, epoch, at }, { proof, via })
    return fault
  }

  /** Something of this place was delivered: what was told of it too early is looked at by `takeEarly`. */
  heard(source: Source): void {
    this.#early.heard(source)
  }

  /** Notes the forks of those that are heard by now; answers who told of some that are none. */
  takeEarly(): readonly { readonly via: PeerHandle; readonly fault: Fault }[] {
    return this.#early.take().flatMap(({ proof, via }) => {
      const fault = this.onProof(proof, via)
      return fault ? [{ via, fault }] : []
    })
  }

  /** This node's own may have forked before it has said a word. */
  #mayFork({ author, epoch }: Source): boolean {
    return this.#isOwn({ author, epoch })
      ? !this.#ordering.isForked(author, epoch)
      : this.#ordering.mayFork(author, epoch)
  }

  #note({ author, epoch, at }: { author: PeerId; epoch: number; at: number }, fork: ToldFork): void {
    if (!this.#ordering.freeze(author, epoch, at)) return
    this.#proofs.push(fork.proof)
    if (this.#proofs.length > MAX_PROOFS) this.#proofs.shift()
    this.#emit({ type: 'fork', fork: { author, epoch, headers: fork.proof }, at })
    this.#spread(fork)
  }
}
