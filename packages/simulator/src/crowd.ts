// A crowd in virtual time: nodes that have a pool and exchange peers about one topic, found by whatever a scenario tells
// them. Streams, handshakes and links are as short as they can be: the machines of the layers decide everything else.

import {
  type Address,
  type AddressRecord,
  type Candidate,
  type Crypto,
  createAddressRecord,
  createIdentity,
  type Identity,
  type PeerId,
  parseAddress,
  printAddress,
  type Random,
  seededRandom,
  type TopicId,
  toPeerId,
} from '@hearsay/core'
import type { MembershipLimits, MembershipOptions } from '@hearsay/gossip/machine'
import {
  type PoolLimits,
  type PoolMachine,
  type PoolMachineOptions,
  resolvePoolLimits,
} from '@hearsay/transport/machine'
import { CrowdMember, type Dial } from './crowd/member.js'
import type { CrowdMembership } from './crowd/membership.js'
import { Streams } from './crowd/streams.js'
import { EventQueue } from './event-queue.js'
import { SILENCE_MS } from './silence.js'

export type { CrowdMember, Dial } from './crowd/member.js'

export interface CrowdOptions {
  readonly seed: number
  /** Of every node. */
  readonly limits?: Partial<PoolLimits>
  /** Links from which on a node asks nobody for others. @default 8 */
  readonly target?: number
  /** One-way latency in milliseconds: [at least, below]. @default [5, 40] */
  readonly latencyMs?: readonly [number, number]
  /** Links are chosen by membership, with these limits; without it everybody who is found is linked. */
  readonly membership?: Partial<MembershipLimits>
  /** One-way latency between two nodes in milliseconds, in place of `latencyMs`. */
  readonly latencyBetween?: (a: CrowdMember, b: CrowdMember) => number
  /** Signs and verifies address records; a simulated one is fast. @default sodiumCrypto() */
  readonly crypto?: Crypto
  /** In place of the real machines: for planted faults. */
  readonly createMembership?: (options: MembershipOptions) => CrowdMembership
  readonly createPool?: (options: PoolMachineOptions) => PoolMachine
  /** Told of each record that one node tells another. */
  readonly onTold?: (told: { readonly by: CrowdMember; readonly record: AddressRecord }) => void
}

export class Crowd {
  readonly topic: TopicId = toPeerId(new Uint8Array(32).fill(7)) as string as TopicId
  readonly members: CrowdMember[] = []
  readonly options: CrowdOptions
  readonly #random: Random
  readonly #queue = new EventQueue<() => void>()
  readonly #streams: Streams
  readonly #listening = new Map<string, CrowdMember>()
  #now = 0

  constructor(options: CrowdOptions) {
    this.options = options
    this.#random = seededRandom(options.seed)
    const [least, below] = options.latencyMs ?? [5, 40]
    const latency = (): number => least + this.#random.below(Math.max(1, below - least))
    this.#streams = new Streams({
      at: (ms, run) => this.after(ms, run),
      latency: (a, b) => this.options.latencyBetween?.(a, b) ?? latency(),
      find: (address) => this.#find(address),
    })
  }

  get now(): number {
    return this.#now
  }

  get random(): Random {
    return this.#random
  }

  /** A node that listens at the address, or at one of its own; `says` is what its record names instead. */
  add(
    at?: string,
    says?: readonly string[],
    membership: CrowdOptions['membership'] | null = this.options.membership,
  ): CrowdMember {
    const { crypto } = this.options
    const index = this.members.length
    const address = parseAddress(at ?? `tcp://${publicHost(index)}:4000`)
    const identity: Identity = createIdentity({ seed: this.#random.bytes(32), ...(crypto && { crypto }) })
    const addresses = (says ?? [printAddress(address)]).map((text) => parseAddress(text))
    const record = createAddressRecord(identity, { seq: 1, addresses })
    const member = new CrowdMember({
      crowd: this,
      streams: this.#streams,
      identity,
      address,
      record,
      random: seededRandom(this.#random.below(2 ** 32)),
      limits: resolvePoolLimits(this.options.limits),
      membership: membership ?? null,
    })
    this.members.push(member)
    this.#listening.set(printAddress(address), member)
    return member
  }

  /** What a discovery of the node has found. */
  tell(member: CrowdMember, found: Omit<Candidate, 'peer'> & { readonly peer?: PeerId | null }): void {
    member.find({ peer: null, ...found })
  }

  /**
   * The node is gone without a word: its links end as broken ones do. With the process ends the connection, and the others
   * see it; of a `host` that is gone they only hear nothing any more, as long as it takes a link's liveness to notice it.
   */
  kill(member: CrowdMember, what: 'process' | 'host' = 'process'): void {
    this.#listening.delete(printAddress(member.address))
    member.stop()
    const [from, to] = SILENCE_MS
    this.#streams.breakAll(member, () => (what === 'host' ? from + this.random.below(to - from) : 0))
  }

  /** The link between the two breaks; both live. */
  cut(one: CrowdMember, other: CrowdMember): void {
    this.#streams.break(one, other)
  }

  after(ms: number, run: () => void): void {
    this.#queue.add(this.#now + ms, run)
  }

  /** When the next thing happens; undefined if nothing will. */
  get nextAt(): number | undefined {
    return this.#queue.nextAt
  }

  /** Lets so much time pass. */
  run(ms: number): void {
    const until = this.#now + ms
    while ((this.#queue.nextAt ?? Number.POSITIVE_INFINITY) <= until) {
      const next = this.#queue.take()
      if (!next) break
      this.#now = next.at
      next.event()
    }
    this.#now = until
  }

  /** Of each pair of nodes that has more than one link at this moment, both. */
  get doubleLinks(): readonly (readonly [CrowdMember, CrowdMember])[] {
    return this.members.flatMap((member) =>
      this.#streams.manifold(member).map((other): readonly [CrowdMember, CrowdMember] => [member, other]),
    )
  }

  /** The sizes of the parts that the living fall into, over links that carry the topic; largest first. */
  components(among: readonly CrowdMember[] = this.members): readonly number[] {
    const left = new Map(among.filter(({ stopped }) => !stopped).map((member) => [member.id, member]))
    const sizes: number[] = []
    for (const start of left.values()) {
      const part = [start]
      left.delete(start.id)
      for (const member of part) {
        for (const peer of member.neighbours) {
          const next = left.get(peer)
          if (next && left.delete(peer)) part.push(next)
        }
      }
      sizes.push(part.length)
    }
    return sizes.sort((a, b) => b - a)
  }

  /** Everything that was dialled by those who live, in the order of time. */
  get dials(): readonly (Dial & { readonly by: CrowdMember })[] {
    return this.members.flatMap((by) => by.dials.map((dial) => ({ ...dial, by }))).sort((a, b) => a.at - b.at)
  }

  #find(address: Address): CrowdMember | null {
    return this.#listening.get(printAddress({ ...address, peer: null })) ?? null
  }
}

/** Each node on a host and in a network of its own. */
function publicHost(index: number): string {
  return `${20 + (index >> 14)}.${(index >> 6) & 255}.${(index & 63) * 4}.1`
}
