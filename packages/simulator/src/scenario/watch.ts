// Watches everything that happens among honest nodes and holds it against the invariants of a room: at most once, as it was
// signed, in order or told as a gap, no honest node taken for hostile, nothing confirmed that was not delivered, no fork but of
// one who forked, windows kept. The first that does not hold ends the run.

import type { PeerId } from '@hearsay/core'
import type { Happening } from '../network.js'
import type { Ledger } from './ledger.js'
import { areWordsOf, wordsOf } from './words.js'

export interface WatchContext {
  readonly ids: readonly PeerId[]
  readonly ledger: Ledger
  /** Bytes of a message at least, by its author and number. */
  bytesOf(author: number, seq: number): number
  isHonest(node: number): boolean
  /** True if it signs what cannot all be true. */
  isTwoFaced(node: number): boolean
  /** What is said from then on is due to the node; 0: everything. */
  since(node: number): number
  /** When its present life began; 0 from the start. */
  bornAt(node: number): number
  epochOf(node: number): number
  onViolation(violation: string): void
}

export class Watch {
  readonly #context: WatchContext
  readonly #nodeOf = new Map<string, number>()
  /** For each node: author and epoch, and the next number that may come. */
  readonly #next: readonly Map<string, number>[]
  readonly #forks: readonly Set<string>[]
  gaps = 0
  drops = 0
  lastHop = 0
  /** Links between honest nodes that ended because nothing had come in time. */
  lateHellos = 0

  constructor(context: WatchContext) {
    this.#context = context
    this.#next = context.ids.map(() => new Map())
    this.#forks = context.ids.map(() => new Set())
    for (const [node, id] of context.ids.entries()) this.#nodeOf.set(id, node)
  }

  nodeOf(id: string): number {
    return this.#nodeOf.get(id) ?? -1
  }

  /** What comes next of each author and epoch, as `author epoch`, of those that the node has heard. */
  nextOf(node: number): ReadonlyMap<string, number> {
    return this.#next[node] ?? new Map()
  }

  /** A new process may hear what the old one heard, unless a store kept that; it is told of forks again. */
  forget(node: number, store: 'lost' | 'kept' = 'lost'): void {
    if (store === 'lost') this.#next[node]?.clear()
    this.#forks[node]?.clear()
  }

  note(happening: Happening, at: number): void {
    const { node } = happening
    if (!this.#context.isHonest(node)) return
    switch (happening.type) {
      case 'delivered':
        return this.#onDelivered(happening, at)
      case 'gap':
        return this.#onGap(happening)
      case 'confirmed':
        return this.#onConfirmed(happening)
      case 'drop':
        this.drops++
        return
      case 'broke':
        return this.#violated(`node ${node} broke a rule of its driver: ${happening.rule}`)
      case 'misbehaved':
        if (!this.#context.isHonest(happening.to)) return
        // Over a bad path a hello may take longer than it is waited for: the link ends, and nobody is shut out.
        if (happening.isMute && !happening.ban) this.lateHellos++
        else
          this.#violated(
            `node ${node} took honest node ${happening.to} for hostile: ${happening.code}, ${happening.message}`,
          )
        return
      case 'fork':
        return this.#onFork(happening)
    }
  }

  #onDelivered({ node, delivery }: Extract<Happening, { type: 'delivered' }>, at: number): void {
    const { author, epoch, seq, payload, hops } = delivery
    const { ledger, bytesOf, isTwoFaced } = this.#context
    const by = this.nodeOf(author)
    if (by === node && epoch === this.#context.epochOf(node)) return this.#violated(`node ${node} heard itself`)
    this.#expect(node, { author, epoch, seq }, 'delivered')
    this.#next[node]?.set(`${author} ${epoch}`, seq + 1)
    this.lastHop = Math.max(this.lastHop, hops)
    if (by < 0) return this.#violated(`node ${node} delivered words of nobody`)
    if (!this.#context.isHonest(by) && !isTwoFaced(by)) return
    if (!areWordsOf(payload, wordsOf({ author, epoch, seq }, bytesOf(by, seq)), isTwoFaced(by)))
      return this.#violated(`node ${node} delivered other bytes than node ${by} signed at ${seq}`)
    if (this.#context.isHonest(by) && ledger.hear(node, { author, epoch, seq }, at) === null)
      this.#violated(`node ${node} delivered ${seq} of node ${by}, which was never said`)
  }

  #onGap({ node, gap }: Extract<Happening, { type: 'gap' }>): void {
    this.gaps++
    // What every application ignores on the way is a hole to those behind.
    const after = this.#next[node]?.get(`${gap.author} ${gap.epoch}`) ?? 0
    const due = this.#context.ledger.nextWanted({ ...gap, seq: gap.from })
    this.#expect(node, { ...gap, seq: after === gap.from ? due : gap.from }, 'told a gap from')
    this.#next[node]?.set(`${gap.author} ${gap.epoch}`, gap.to)
  }

  /** Who was there before an author began hears it from its first word; others may begin anywhere. */
  #expect(node: number, place: { author: PeerId; epoch: number; seq: number }, did: string): void {
    const { author, epoch, seq } = place
    const after = this.#next[node]?.get(`${author} ${epoch}`)
    const due = after === undefined ? undefined : this.#context.ledger.nextWanted({ author, epoch, seq: after })
    if (due === seq) return
    if (due !== undefined)
      return this.#violated(`node ${node} ${did} ${seq} of node ${this.nodeOf(author)} where ${due} was due`)
    const begunAt = this.#context.ledger.begunAt(author, epoch)
    if (
      seq !== this.#context.ledger.nextWanted({ author, epoch, seq: 0 }) &&
      begunAt !== null &&
      this.#context.since(node) < begunAt
    )
      this.#violated(`node ${node} ${did} ${seq} of node ${this.nodeOf(author)} where its first word was due`)
  }

  /** In either life: what it delivered before it was started again it did deliver. */
  #onConfirmed({ node, remote, from, to }: Extract<Happening, { type: 'confirmed' }>): void {
    const by = this.nodeOf(remote)
    this.#context.ledger.confirm({
      ...{ author: this.#context.ids[node] as PeerId, epoch: this.#context.epochOf(node), from, to },
    })
    if (!this.#context.isHonest(by) || this.#context.bornAt(by) > 0) return
    const author = this.#context.ids[node] as PeerId
    const epoch = this.#context.epochOf(node)
    for (let seq = from; seq < to; seq++) {
      if (!this.#context.ledger.hasHeard(by, { author, epoch, seq }))
        return this.#violated(`node ${by} confirmed ${seq} of node ${node}, which it did not deliver`)
    }
  }

  #onFork({ node, fork }: Extract<Happening, { type: 'fork' }>): void {
    const by = this.nodeOf(fork.author)
    const key = `${by} ${fork.epoch}`
    if (!this.#context.isTwoFaced(by)) this.#violated(`node ${node} took honest node ${by} for one that forked`)
    else if (this.#forks[node]?.has(key)) this.#violated(`node ${node} told the fork of node ${by} twice`)
    this.#forks[node]?.add(key)
  }

  #violated(violation: string): void {
    this.#context.onViolation(violation)
  }
}
