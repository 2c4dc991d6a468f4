// What a node tells others of the peers that it is linked with: nothing that it could not see for itself.

import { type Address, type AddressRecord, type PeerId, parseAddress, seededRandom } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { Referrals } from '../src/pool/referrals.js'
import { peerIds } from './players.js'

const [peer, asker] = peerIds(2) as [PeerId, PeerId]
const from = parseAddress('tcp://198.51.100.7:50123')

function saying(...addresses: string[]): { referrals: Referrals; told: readonly string[] } {
  const referrals = new Referrals(seededRandom(1))
  const signature = new Uint8Array(64)
  const record: AddressRecord = { peer, seq: 1, addresses: addresses.map((text) => parseAddress(text)), signature }
  referrals.onLinked(peer, null)
  referrals.onRecord(peer, { record, from })
  const told = referrals.pick(asker).flatMap(({ record }) => record?.addresses.map(hostOf) ?? [])
  return { referrals, told }
}

const hostOf = ({ host }: Address): string => host

describe('what is told of a linked peer', () => {
  it('is its own record, if it names the host that the peer is linked from', () => {
    const { referrals, told } = saying('tcp://198.51.100.7:4000', 'ws://198.51.100.7:4001/')
    expect(told).toEqual(['198.51.100.7', '198.51.100.7'])
    expect(referrals.recordOf(peer)?.peer).toBe(peer)
  })

  it('is nothing, if the record names another host, which may be a victim', () => {
    const { referrals, told } = saying('tcp://198.51.100.7:4000', 'tcp://203.0.113.9:4000')
    expect(told).toEqual([])
    expect(referrals.recordOf(peer)).toBeNull()
  })

  it('is nothing, if the record names a host name', () => {
    expect(saying('tcp://victim.example:4000').told).toEqual([])
  })

  it('may name addresses of local networks, which are believed within that network alone', () => {
    expect(saying('tcp://198.51.100.7:4000', 'tcp://192.168.1.5:4000', 'tcp://127.0.0.1:4000').told).toHaveLength(3)
  })

  it('is nothing once the link is gone', () => {
    const { referrals } = saying('tcp://198.51.100.7:4000')
    referrals.onUnlinked(peer)
    expect(referrals.recordOf(peer)).toBeNull()
  })
})
