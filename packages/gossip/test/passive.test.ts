// What is remembered of those who could be dialled, when others say where they are.

import { type Candidate, createIdentity, parseAddress, printAddress, seededRandom } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { PassiveView } from '../src/membership/passive.js'

const [seed, liar] = [1, 2].map((byte) => createIdentity({ seed: new Uint8Array(32).fill(byte) }).id) as [never, never]
const at = (host: string): Candidate['addresses'] => [parseAddress(`tcp://${host}:4000`)]
const hearsay: Candidate = { peer: seed, addresses: at('10.0.0.5'), source: 'members', referrer: liar }

function addressesOf(...said: readonly Candidate[]): string[] {
  const view = new PassiveView({ capacity: 8, random: seededRandom(1), isLinked: () => false })
  for (const candidate of said) view.note(candidate)
  return (view.of(seed)?.candidate.addresses ?? []).map(printAddress)
}

describe('a peer in the passive view', () => {
  it('keeps the address that was given by hand, whatever others say', () => {
    const given: Candidate = { peer: seed, addresses: at('20.1.1.1'), source: 'bootstrap', persistent: true }
    const found: Candidate = { peer: seed, addresses: at('30.1.1.1'), source: 'dht' }
    expect(addressesOf(given, hearsay)).toEqual(['tcp://20.1.1.1:4000'])
    expect(addressesOf(given, found, found)).toEqual(['tcp://20.1.1.1:4000', 'tcp://30.1.1.1:4000'])
  })

  it('is not moved by hearsay from where a discovery found it', () => {
    const found: Candidate = { peer: seed, addresses: at('30.1.1.1'), source: 'dht' }
    expect(addressesOf(found, hearsay)).toEqual(['tcp://30.1.1.1:4000'])
    expect(addressesOf(hearsay, found)).toEqual(['tcp://30.1.1.1:4000'])
  })
})
