// What the parts of the machine have in common: the two views, the time of the input at work, and where outputs go.

import { type Crypto, type PeerId, type Random, sodiumCrypto } from '@hearsay/core'
import type { MembershipOptions, MembershipOutput } from './contract.js'
import type { MembershipLimits } from './options.js'
import { PassiveView } from './passive.js'
import { type Neighbour, View } from './view.js'
import { Worth } from './worth.js'

/** Who is a neighbour while others brought something so often has had time to show what it brings. */
const COMPARED = 4

export class Shared {
  readonly self: PeerId
  readonly limits: MembershipLimits
  readonly random: Random
  readonly crypto: Crypto
  readonly lookup: boolean
  readonly tellable: boolean
  readonly recordOf: MembershipOptions['recordOf']
  readonly isLinked: (peer: PeerId) => boolean
  readonly view: View
  readonly passive: PassiveView
  readonly worth: Worth
  now = 0
  /** Somebody has spoken in the room, this node or another. */
  isAlive = false
  /** How often neighbours brought something that nobody had brought before them. */
  brought = 0
  #outputs: MembershipOutput[] = []

  constructor(options: MembershipOptions) {
    const { self, limits, random, crypto = sodiumCrypto(), lookup = true, tellable = true, recordOf } = options
    const { isLinked = () => false } = options
    this.self = self
    this.limits = limits
    this.random = random
    this.crypto = crypto
    this.lookup = lookup
    this.tellable = tellable
    this.recordOf = recordOf
    this.isLinked = isLinked
    this.view = new View(limits, random)
    this.worth = new Worth(this.view)
    const isMember = (peer: PeerId): boolean => this.view.get(peer) !== undefined
    this.passive = new PassiveView({ capacity: limits.passive, random, isLinked: isMember })
  }

  emit(output: MembershipOutput): void {
    this.#outputs.push(output)
  }

  /** What was emitted since the last call. */
  drain(): readonly MembershipOutput[] {
    const outputs = this.#outputs
    this.#outputs = []
    return outputs
  }

  /** True while so few others are known that everybody is to be linked with everybody. */
  get isSmall(): boolean {
    const { mesh } = this.limits
    if (this.view.size > mesh) return false
    // One peer may be known under several names: an address, and its key.
    const loose = new Set<PeerId>()
    for (const { peer, failures, candidate } of this.passive.values()) {
      const isWorth = failures === 0 && candidate.addresses.length > 0
      if (isWorth && peer !== null && peer !== this.self && !this.view.get(peer)) loose.add(peer)
      if (this.view.size + loose.size > mesh) return false
    }
    return true
  }

  /** True if the network has neighbours enough, where there are others to choose from: a swarm may live in one network. */
  isCrowded(network: string | null): boolean {
    if (network === null || !this.view.isCrowded(network)) return false
    let others = 0
    for (const known of this.passive.values()) if (known.network !== null && known.network !== network) others++
    return others >= this.limits.target
  }

  /** True for a neighbour that has had time to show what it brings. Where nobody brings anything nobody is found wanting. */
  isCompared({ activeSince, mark }: Neighbour): boolean {
    return activeSince !== null && this.brought - mark >= COMPARED
  }

  /** True if none of the neighbours has brought anything. */
  get isHungry(): boolean {
    return this.view.active().every(({ hasBrought }) => !hasBrought)
  }

  /** True if the room is known to be alive, and none of the neighbours has brought anything of it. */
  get isStarving(): boolean {
    return this.brought > 0 && this.isHungry
  }

  /** Neighbours, as others are told: those of one that starves are none. */
  get degree(): number {
    return this.isStarving ? 0 : this.view.degree
  }

  /** How many neighbours this node is after. */
  get goal(): number {
    const { target, mesh } = this.limits
    return mesh > target && this.isSmall ? mesh : target
  }
}
