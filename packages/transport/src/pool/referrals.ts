// Where linked peers can be dialled, to tell somebody for whom there is no room here. Only what the peer itself said on its
// link, or where we reached it, is ever told: hearsay goes no further.

import type { Address, AddressRecord, PeerId, Random } from '@hearsay/core'
import type { Referral } from './messages.js'

/** Others that a busy answer names. */
export const MAX_REFERRALS = 16

export class Referrals {
  readonly #random: Random
  /** Of linked peers; as many as there are links. */
  readonly #known = new Map<PeerId, Referral>()

  constructor(random: Random) {
    this.#random = random
  }

  /** The peer is linked; `address` is where it was dialled. */
  onLinked(peer: PeerId, address: Address | null): void {
    this.#known.set(peer, { peer, record: null, address })
  }

  /** What the linked peer says of itself. */
  onRecord(peer: PeerId, record: AddressRecord): void {
    const known = this.#known.get(peer)
    if (known) this.#known.set(peer, { ...known, record })
  }

  onUnlinked(peer: PeerId): void {
    this.#known.delete(peer)
  }

  /** Where the linked peer can be dialled. */
  addressesOf(peer: PeerId): readonly Address[] {
    const known = this.#known.get(peer)
    return [...(known?.address ? [known.address] : []), ...(known?.record?.addresses ?? [])]
  }

  /** By chance up to 16 of those that can be dialled, never the one that asks. */
  pick(asker: PeerId): readonly Referral[] {
    const left = [...this.#known.values()].filter(({ peer }) => peer !== asker && this.addressesOf(peer).length > 0)
    const picked: Referral[] = []
    while (picked.length < MAX_REFERRALS && left.length > 0) {
      picked.push(...left.splice(this.#random.below(left.length), 1))
    }
    return picked
  }
}
