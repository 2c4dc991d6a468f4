// What the parts of the machine have in common: the two views, the time of the input at work, and where outputs go.

import { type Crypto, type PeerId, type Random, sodiumCrypto } from '@hearsay/core'
import type { MembershipOptions, MembershipOutput } from './contract.js'
import type { MembershipLimits } from './options.js'
import { PassiveView } from './passive.js'
import { View } from './view.js'

export class Shared {
  readonly self: PeerId
  readonly limits: MembershipLimits
  readonly random: Random
  readonly crypto: Crypto
  readonly lookup: boolean
  readonly tellable: boolean
  readonly recordOf: MembershipOptions['recordOf']
  readonly view: View
  readonly passive: PassiveView
  now = 0
  #outputs: MembershipOutput[] = []

  constructor(options: MembershipOptions) {
    const { self, limits, random, crypto = sodiumCrypto(), lookup = true, tellable = true, recordOf } = options
    this.self = self
    this.limits = limits
    this.random = random
    this.crypto = crypto
    this.lookup = lookup
    this.tellable = tellable
    this.recordOf = recordOf
    this.view = new View(limits, random)
    const isLinked = (peer: PeerId): boolean => this.view.get(peer) !== undefined
    this.passive = new PassiveView({ capacity: limits.passive, random, isLinked })
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
    const known = new Set<PeerId>(this.view.all().map(({ peer }) => peer))
    for (const { peer, failures } of this.passive.values()) {
      if (known.size > mesh) return false
      if (peer !== null && peer !== this.self && failures === 0) known.add(peer)
    }
    return known.size <= mesh
  }

  /** How many neighbours this node is after. */
  get goal(): number {
    const { target, mesh } = this.limits
    return mesh > target && this.isSmall ? mesh : target
  }
}
