// This node's own signed address record, made anew when its addresses change: peers that are refused by a full node learn
// from it whom to try instead.

import {
  type Address,
  type AddressRecord,
  type Clock,
  createAddressRecord,
  hasCode,
  type Identity,
  printAddress,
} from '@hearsay/core'

/** A function that answers the current record, or null while there is no address to tell. */
export function ownRecord(
  identity: Identity,
  clock: Clock,
  addresses: () => readonly Address[],
): () => AddressRecord | null {
  let made = { text: '', record: null as AddressRecord | null }
  let seq = 0
  return () => {
    const current = addresses()
    const text = current.map((address) => printAddress(address)).join(' ')
    if (text === made.text) return made.record
    // Others take the greater number for the newer record: a clock that is set back must not make ours the older one.
    seq = Math.max(Math.floor(clock.wall()), seq + 1)
    made = { text, record: text === '' ? null : sign(identity, seq, current) }
    return made.record
  }
}

/** As many addresses as fit. */
function sign(identity: Identity, seq: number, addresses: readonly Address[]): AddressRecord | null {
  for (let count = Math.min(addresses.length, 16); count > 0; count--) {
    try {
      return createAddressRecord(identity, { seq, addresses: addresses.slice(0, count) })
    } catch (error) {
      if (!hasCode(error, 'ERR_RECORD')) throw error
    }
  }
  return null
}
