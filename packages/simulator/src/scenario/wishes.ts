// What applications asked for when they joined, held against what they get: nothing of those who are no members, nothing that
// they did not accept nor that it goes on, nothing of a past that they did not ask for, no answer before its question where order is
// causal, and no more retained than was said.

import { fromPeerId, type PeerId } from '@hearsay/core'
import { isRecordBy } from '../adversaries/relays.js'
import { ROOM_FRAMES } from '../frame-kinds.js'
import type { Happening } from '../network.js'
import { Fetching } from './fetching.js'
import type { Scenario } from './format.js'
import type { Ledger } from './ledger.js'
import type { Rules } from './rules.js'

export interface WishesContext {
  readonly scenario: Scenario
  readonly rules: Rules
  readonly ledger: Ledger
  readonly ids: readonly PeerId[]
  nodeOf(id: string): number
  epochOf(node: number): number
  /** What the node hears next of each author and epoch, as `author epoch`. */
  nextOf(node: number): ReadonlyMap<string, number>
  /** When the present life of the node began; 0 from the start. */
  bornAt(node: number): number
  /** What is said from then on is due to the node; 0: everything. */
  since(node: number): number
  /** Honest nodes that are at work. */
  living(): readonly number[]
  onViolation(violation: string): void
}

type Of<Type extends Happening['type']> = Extract<Happening, { type: Type }>

export class Wishes {
  readonly #context: WishesContext
  /** Of each record, by author, epoch and first number: what its author had heard. */
  readonly #causes = new Map<string, ReadonlyMap<string, number>>()
  /** Null where it is not bounded. */
  readonly #fetching: Fetching | null
  /** Messages that each node said and heard, less those that it let go. */
  readonly #retained: number[]

  constructor(context: WishesContext) {
    this.#context = context
    this.#retained = context.ids.map(() => 0)
    const { large, room } = context.scenario
    this.#fetching =
      large && room.capacityBytes !== null
        ? new Fetching({
            ...{ recordBytes: large.bytes, mostBytes: room.capacityBytes },
            onViolation: (violation) => this.#violated(violation),
          })
        : null
  }

  /** A new process retains nothing, or what its store has: no more is known of it. */
  forget(node: number): void {
    this.#retained[node] = 0
  }

  note(happening: Happening): void {
    switch (happening.type) {
      case 'sent':
        return this.#onSent(happening)
      case 'published':
        this.#retain(happening.node, happening.to - happening.from)
        return this.#onPublished(happening)
      case 'delivered':
        this.#retain(happening.node, 1)
        this.#fetching?.delivered(happening.node, happening.delivery)
        return this.#onDelivered(happening)
      case 'drop':
        if (happening.drop.reason === 'history') this.#retain(happening.node, happening.drop.from - happening.drop.to)
    }
  }

  #onSent(sent: Of<'sent'>): void {
    const { node, frame } = sent
    this.#fetching?.sent(sent)
    const { rules, ids } = this.#context
    if (!rules.judges) return
    const seq = ROOM_FRAMES.seqOf(frame)
    if (seq === null || rules.verdictOf(seq) === 'accept' || isRecordBy(frame, fromPeerId(ids[node] as PeerId))) return
    this.#violated(`node ${node} passed on ${seq}, which its application did not accept`)
  }

  #onPublished({ node, from }: Of<'published'>): void {
    const { scenario, ids, epochOf, nextOf } = this.#context
    if (scenario.room.order !== 'causal') return
    this.#causes.set(`${ids[node]} ${epochOf(node)} ${from}`, new Map(nextOf(node)))
  }

  #onDelivered({ node, delivery: { author, epoch, seq } }: Of<'delivered'>): void {
    const { rules, ledger, nodeOf, bornAt, since, living } = this.#context
    const by = nodeOf(author)
    if (rules.isOutsider(by)) return this.#violated(`node ${node} delivered words of node ${by}, which is no member`)
    if (rules.verdictOf(seq) !== 'accept')
      return this.#violated(`node ${node} delivered ${seq}, which its application did not accept`)
    const born = bornAt(node)
    if (since(node) > 0) {
      const others = living().filter((one) => bornAt(one) === 0)
      if (ledger.isPast({ author, epoch, seq }, { others, before: born }))
        return this.#violated(`node ${node} delivered ${seq} of node ${by}, which was over when it came`)
    }
    if (this.#context.scenario.room.order === 'causal') this.#expectCauses(node, { author, epoch, seq })
  }

  /** Of those whom it has heard it must have heard as much as the author had. */
  #expectCauses(node: number, { author, epoch, seq }: { author: PeerId; epoch: number; seq: number }): void {
    const { nextOf, nodeOf } = this.#context
    const heard = nextOf(node)
    for (const [place, next] of this.#causes.get(`${author} ${epoch} ${seq}`) ?? []) {
      const is = heard.get(place)
      if (is === undefined || is >= next) continue
      this.#violated(`node ${node} heard ${seq} of node ${nodeOf(author)} before what it was said after`)
    }
  }

  #retain(node: number, messages: number): void {
    const { scenario } = this.#context
    const retained = (this.#retained[node] ?? 0) + messages
    this.#retained[node] = retained
    const { capacity } = scenario.room
    // The newest record is kept whatever it takes; and what goes for it is told after it.
    if (capacity !== null && retained > capacity + 2 * scenario.batch)
      this.#violated(`node ${node} retains ${retained} messages, at most ${capacity} allowed`)
  }

  #violated(violation: string): void {
    this.#context.onViolation(violation)
  }
}
