// Rooms at their edges: peers that come and go over one link, and what callers ask for that cannot be.

import { memoryStreamPair, settle } from '@hearsay/core/memory'
import { streamLink } from '@hearsay/core/stream'
import { afterEach, describe, expect, it } from 'vitest'
import { createRoom } from '../src/index.js'
import { at, createNetwork, type TestNetwork } from './network.js'

let network: TestNetwork
afterEach(() => network.close())

const gossipOf = (index: number) => at(network.nodes, index).gossip

describe('a peer that leaves and comes back over one link', () => {
  it('leaves nothing behind there, however often', async () => {
    network = createNetwork(2)
    const room = createRoom(gossipOf(0))
    let count = 0
    room.on('peer', () => count++)
    const warnings: Error[] = []
    room.on('warning', (error) => warnings.push(error))
    const [link, remote] = await network.link(0, 1)
    for (let time = 0; time < 1_000; time++) {
      gossipOf(1).removeLink(remote)
      await settle()
      gossipOf(1).addLink(remote)
      await settle()
    }
    expect(count).toBe(1_001)
    expect(warnings).toEqual([])
    expect(() => link.on('close', () => {})).not.toThrow()
  })
})

describe('a peer whose link was replaced', () => {
  it('is missed like others when the new one is lost', async () => {
    network = createNetwork(3)
    const room = createRoom(gossipOf(0))
    const cut = async (index: number): Promise<() => void> => {
      const [near, far] = memoryStreamPair()
      const [mine, theirs] = await Promise.all([
        streamLink(near, { identity: at(network.nodes, 0).identity, initiator: true, clock: network.clock }),
        streamLink(far, { identity: at(network.nodes, index).identity, initiator: false, clock: network.clock }),
      ])
      gossipOf(0).addLink(mine)
      gossipOf(index).addLink(theirs)
      await settle()
      return () => near.destroy()
    }
    const lost: number[] = []
    room.on('split', (split) => lost.push(split.lost.length))
    const [old] = await network.link(0, 1)
    const cuts = [await cut(1), await cut(2)]
    await old.close()
    await settle()
    expect(room.peers.size).toBe(2)
    for (const each of cuts) each()
    await settle()
    expect(room.peers.size).toBe(0)
    expect(lost).toEqual([2])
  })
})

describe('a room that is asked for what cannot be', () => {
  it('says so with a code instead of waiting for ever', async () => {
    network = createNetwork(1)
    const room = createRoom(gossipOf(0))
    const receipt = await room.publish('x')
    for (const count of [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, '1' as never]) {
      await expect(room.ready({ peers: count })).rejects.toMatchObject({ code: 'ERR_OPTION' })
      await expect(receipt.confirmed(count)).rejects.toMatchObject({ code: 'ERR_OPTION' })
    }
    expect(() => room.subscribe({ whenSlow: 'wait' as never })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    await room.ready({ peers: 0 })
    await receipt.confirmed(0)
  })
})
