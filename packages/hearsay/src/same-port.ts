// What a discovery that tells one port, which is TCP's, says of uTP: nodes listen by uTP at the number that TCP has.

import { type Candidate, hostAddress } from '@hearsay/core'

/**
 * Tell of a network where somebody has answered lately. Mainline tells one port, too, but also of those who left half an hour
 * ago: a port that is closed is noticed at once by TCP, and by uTP after eight seconds.
 */
const SOURCES: ReadonlySet<string> = new Set(['mdns'])

/** The candidate, with uTP beside TCP where its source cannot tell of it; the pool tries it where TCP does not get through. */
export function withSamePort(candidate: Candidate): Candidate {
  const [address, another] = candidate.addresses
  if (!SOURCES.has(candidate.source) || another || address?.scheme !== 'tcp') return candidate
  return { ...candidate, addresses: [address, hostAddress('utp', address.host, address.port)] }
}
