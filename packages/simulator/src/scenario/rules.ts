// What is said in the rooms of a scenario, and who wants to hear it: sizes of messages, what applications ignore, who is no
// member.

import type { Delivery, PeerId } from '@hearsay/core'
import type { GossipLimits, Verdict } from '@hearsay/gossip/machine'
import type { RoomOptions } from '../network/options.js'
import type { Scenario } from './format.js'

export class Rules {
  readonly #scenario: Scenario
  readonly #ids: readonly PeerId[]
  /** Authors some of whose messages are large. */
  readonly #large: ReadonlySet<number>
  /** Authors that are no members. */
  readonly #outsiders: ReadonlySet<number>

  /** @param ids of all nodes; `authors` are numbers of nodes */
  constructor(scenario: Scenario, { ids, authors }: { ids: readonly PeerId[]; authors: readonly number[] }) {
    this.#scenario = scenario
    this.#ids = ids
    const { large, room } = scenario
    const { outsiders } = room
    this.#large = new Set(large ? authors.slice(0, large.authors) : [])
    this.#outsiders = new Set(outsiders === 0 ? [] : authors.slice(-outsiders))
  }

  /** Bytes of an author's message at least. */
  bytesOf(author: number, seq: number): number {
    const { large, payloadBytes } = this.#scenario
    return large && this.saysLarge(author) && seq % large.every === large.every - 1 ? large.bytes : payloadBytes
  }

  /** True if some of what it says is large. */
  saysLarge(author: number): boolean {
    return this.#large.has(author)
  }

  /** What every application says of it: all of one tick, for a record is judged as a whole. */
  verdictOf(seq: number): Verdict {
    const { ignoreEvery, rejectEvery } = this.#scenario.room
    if (this.#isOneOf(ignoreEvery, seq)) return 'ignore'
    return this.#isOneOf(rejectEvery, seq) ? 'reject' : 'accept'
  }

  /** True if applications are asked. */
  get judges(): boolean {
    const { ignoreEvery, rejectEvery } = this.#scenario.room
    return ignoreEvery !== null || rejectEvery !== null
  }

  isOutsider(node: number): boolean {
    return this.#outsiders.has(node)
  }

  /** True if others are to hear it. */
  isWanted(author: number, seq: number): boolean {
    return this.verdictOf(seq) === 'accept' && !this.#outsiders.has(author)
  }

  /** What is not as usual in the rooms. */
  get options(): RoomOptions {
    const { room, faults } = this.#scenario
    const members = this.#ids.filter((_, node) => !this.#outsiders.has(node))
    return {
      ...(room.since !== 'live' && { since: room.since }),
      ...(room.order !== 'author' && { order: room.order }),
      ...(room.outsiders > 0 && { members: new Set(members) }),
      ...(this.judges && { judges: true }),
      ...(faults.some((fault) => fault.type === 'restart' && fault.state === 'kept') && { keeps: true }),
    }
  }

  /** Bounds that are not as usual. */
  get limits(): Partial<GossipLimits> {
    const { holdMs, room } = this.#scenario
    return {
      ...(holdMs !== null && { holdMs }),
      ...(room.capacity !== null && { capacity: room.capacity }),
      ...(room.capacityBytes !== null && { capacityBytes: room.capacityBytes }),
      ...(room.follows !== null && { maxEpochs: room.follows }),
    }
  }

  /** What every application says of the messages of one record. */
  verdictOn(deliveries: readonly Pick<Delivery, 'seq'>[]): Verdict {
    return deliveries.map(({ seq }) => this.verdictOf(seq)).find((verdict) => verdict !== 'accept') ?? 'accept'
  }

  #isOneOf(every: number | null, seq: number): boolean {
    return every !== null && Math.floor(seq / this.#scenario.batch) % every === every - 1
  }
}
