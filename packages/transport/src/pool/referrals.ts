// Where linked peers can be dialled, to tell somebody for whom there is no room here. Only what the peer itself said of the
// host that it is linked from, or where we reached it, is ever told: hearsay goes no further.

import type { Address, AddressRecord, PeerId, Random } from '@hearsay/core'
import type { Referral } from './messages.js'
import { dialDistance } from './order.js'

/** Others that a busy answer names. */
export const MAX_REFERRALS = 16

interface Known extends Referral {
  /** All addresses that it named, for this node's own use. */
  readonly said: readonly Address[]
}

export class Referrals {
  readonly #random: Random
  /** Of linked peers; as many as there are links. */
  readonly #known = new Map<PeerId, Known>()

  constructor(random: Random) {
    this.#random = random
  }

  /** The peer is linked; `address` is where it was dialled. */
  onLinked(peer: PeerId, address: Address | null): void {
    this.#known.set(peer, { peer, record: null, address, said: [] })
  }

  /** What the linked peer says of itself, and where its stream leads or came from. */
  onRecord(peer: PeerId, { record, from }: { readonly record: AddressRecord; readonly from: Address | null }): void {
    const known = this.#known.get(peer)
    if (!known) return
    this.#known.set(peer, { ...known, said: record.addresses, record: isOfHost(record, from) ? record : null })
  }

  onUnlinked(peer: PeerId): void {
    this.#known.delete(peer)
  }

  /** Where the linked peer can be dialled. */
  addressesOf(peer: PeerId): readonly Address[] {
    const known = this.#known.get(peer)
    return [...(known?.address ? [known.address] : []), ...(known?.said ?? [])]
  }

  /** The linked peer's record, if it may be told to others. */
  recordOf(peer: PeerId): AddressRecord | null {
    return this.#known.get(peer)?.record ?? null
  }

  /** By chance up to 16 of those that can be dialled, never the one that asks. */
  pick(asker: PeerId): readonly Referral[] {
    const left = [...this.#known.values()].filter(
      ({ peer, address, record }) => peer !== asker && (address !== null || (record?.addresses.length ?? 0) > 0),
    )
    const picked: Referral[] = []
    while (picked.length < MAX_REFERRALS && left.length > 0) {
      picked.push(...left.splice(this.#random.below(left.length), 1))
    }
    return picked
  }
}

/**
 * True if the record leads nowhere but to the host that the peer is linked from, which has proved that it is there, or to
 * local networks, whose addresses are believed within the same network alone. A peer could name anybody's host.
 */
function isOfHost({ addresses }: AddressRecord, from: Address | null): boolean {
  return addresses.every((address) => {
    const { scheme, host } = address
    return scheme === 'hyper' || scheme === 'memory' || host === from?.host || dialDistance(address) < 2
  })
}
