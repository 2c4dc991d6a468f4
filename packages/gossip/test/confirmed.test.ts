// What `confirmed` of a receipt says: exactly who has a message, as long as the history holds it.

import { createIdentity, type PeerId } from '@hearsay/core'
import { settle } from '@hearsay/core/memory'
import { describe, expect, it } from 'vitest'
import { Confirmations } from '../src/room/confirmations.js'
import { at, bytes, createNetwork, createNode, linkNodes } from './network.js'

const peerOf = (seed: number): PeerId => {
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(0, seed)
  return createIdentity({ seed: key }).id
}

describe('a receipt', () => {
  it('is confirmed for each message that a peer took, though it ignored every other one', async () => {
    const network = createNetwork(1)
    const { topic, clock } = network
    const validate = ({ seq }: { readonly seq: number }) => (seq % 2 === 0 ? 'accept' : 'ignore')
    const other = createNode({ topic, clock, seed: 60, epoch: 1, more: { validate } })
    await linkNodes(other, at(network.nodes, 0))
    const receipts = []
    for (let seq = 0; seq < 300; seq++) {
      receipts.push(await at(network.nodes, 0).gossip.publish(bytes(String(seq))))
      await settle()
    }
    const confirmed = new Set<number>()
    for (const receipt of receipts) {
      receipt.confirmed(1).then(
        () => confirmed.add(receipt.seq),
        () => {},
      )
    }
    await settle()
    expect([...confirmed]).toEqual(receipts.map(({ seq }) => seq).filter((seq) => seq % 2 === 0))
    await other.gossip.close()
    await network.close()
  })
})

describe('confirmations', () => {
  const EVERY_OTHER = Array.from({ length: 5_000 }, (_, index) => 2 * index)

  it('are counted once for each peer, however many holes there are and however often they come', () => {
    const confirmations = new Confirmations()
    for (const peer of [peerOf(1), peerOf(2), peerOf(1)]) {
      for (const seq of EVERY_OTHER) confirmations.add(peer, seq, seq + 1)
    }
    confirmations.add(peerOf(3), 0, 10_000)
    const counts = new Set(EVERY_OTHER.map((seq) => `${confirmations.count(seq)} ${confirmations.count(seq + 1)}`))
    expect([...counts]).toEqual(['3 1'])
  })

  it('of messages that left the history are still known of those who took all', () => {
    const confirmations = new Confirmations()
    confirmations.add(peerOf(1), 0, 5_000)
    for (const seq of EVERY_OTHER) confirmations.add(peerOf(2), seq, seq + 1)
    confirmations.dropped(9_000)
    confirmations.add(peerOf(3), 0, 10)
    expect([3, 4_999, 5_001, 8_000, 9_000, 9_001].map((seq) => confirmations.count(seq))).toEqual([2, 1, 0, 0, 1, 0])
  })

  it('tell between which numbers they bring anything new, and of what was said before that they bring nothing', () => {
    const confirmations = new Confirmations()
    const [peer, other] = [peerOf(1), peerOf(2)]
    const told = [
      ...[[4_990, 5_000] as const, [0, 4_000] as const, [0, 4_000] as const, [3_000, 5_000] as const],
      ...[[1_500, 4_999] as const, [2, 2] as const, [0, 5_001] as const],
    ].map(([from, to]) => confirmations.add(peer, from, to))
    expect(told).toEqual([[4_990, 5_000], [0, 4_000], null, [4_000, 4_990], null, null, [5_000, 5_001]])
    expect(confirmations.add(other, 0, 10)).toEqual([0, 10])
  })

  it('bring nothing new of what left the history and is not remembered either', () => {
    const confirmations = new Confirmations()
    const peer = peerOf(1)
    for (let seq = 5_000; seq < 5_128; seq += 2) confirmations.add(peer, seq, seq + 1)
    confirmations.dropped(2_048)
    expect([confirmations.add(peer, 0, 10), confirmations.add(peer, 0, 2_050)]).toEqual([null, [2_048, 2_050]])
    expect(confirmations.count(5)).toBe(0)
  })

  it('cost next to nothing if a peer says them a hundred thousand times, with holes above them', () => {
    const confirmations = new Confirmations()
    const [peer, count] = [peerOf(1), 90_000]
    for (let seq = count - 200; seq < count - 68; seq += 2) confirmations.add(peer, seq, seq + 1)
    const news = []
    for (let times = 0; times < 100_000; times++) {
      const told = confirmations.add(peer, 0, count - 300)
      if (told) news.push(told)
    }
    expect([news, confirmations.count(5), confirmations.count(count - 299)]).toEqual([[[0, count - 300]], 1, 0])
  })

  it('are those of the 1,024 peers that confirmed last', () => {
    const confirmations = new Confirmations()
    for (let seed = 0; seed < 1_025; seed++) confirmations.add(peerOf(seed), 0, 2)
    confirmations.add(peerOf(0), 0, 2)
    expect([confirmations.count(0), confirmations.count(1), confirmations.count(2)]).toEqual([1_024, 1_024, 0])
  })
})
