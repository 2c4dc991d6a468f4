// What a room promises however it spreads: by trees, by flooding, in rounds.

import { settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { createRoom, flood, type GossipLimits, rumor, trees } from '../src/index.js'
import { encodeFrame, type Frame } from '../src/machine.js'
import { at, bytes, createNetwork, linkRawPeer, type TestNetwork, textOf } from './network.js'

describe.each([
  ['flood', flood],
  ['trees', trees],
  ['rumor', (limits: Partial<GossipLimits> = {}) => rumor({ intervalMs: 20, ...limits })],
] as const)('%s', (_name, engine) => {
  let network: TestNetwork
  afterEach(() => network.close())

  /** All nodes linked with all. */
  async function mesh(count: number, limits: Partial<GossipLimits> = {}): Promise<void> {
    network = createNetwork(count, engine(limits))
    for (let one = 0; one < count; one++) for (let other = 0; other < one; other++) await network.link(one, other)
  }

  const gossipOf = (node: number) => at(network.nodes, node).gossip
  const say = (node: number, text: string): void =>
    void gossipOf(node)
      .publish(bytes(text))
      .catch(() => {})
  const pass = async (ms: number): Promise<void> => network.clock.play(ms)

  it.each([
    ['messages', { capacity: 100 }],
    ['bytes', { capacityBytes: 400 }],
  ])(
    'keeps the newest up to a capacity in %s, its own and others’, and tells what it dropped',
    async (_unit, limits) => {
      await mesh(2, limits)
      const dropped: string[][] = [[], []]
      for (const node of [0, 1]) {
        gossipOf(node).on('drop', ({ reason, from, to }) => dropped[node]?.push(`${reason} ${from} ${to}`))
      }
      for (let index = 0; index < 150; index++) {
        say(0, String(1_000 + index))
        await pass(20)
      }
      for (const node of [0, 1]) {
        const kept: string[] = []
        for await (const delivery of gossipOf(node).history()) kept.push(textOf(delivery))
        expect(kept).toEqual(Array.from({ length: 100 }, (_, index) => String(1_050 + index)))
        expect(dropped[node]).toEqual(Array.from({ length: 50 }, (_, index) => `history ${index} ${index + 1}`))
      }
    },
  )

  it('has a history that tells when each message was received, its own when it was said', async () => {
    await mesh(2)
    const { clock } = network
    const [said, heard]: [number[], number[]] = [[], []]
    gossipOf(1).on('delivery', () => heard.push(clock.wall()))
    for (const ms of [7, 1_300, 0, 60_000]) {
      await pass(ms)
      said.push(clock.wall())
      say(0, 'x')
      await pass(50)
    }
    const timesOf = async (node: number, query = {}): Promise<number[]> => {
      const times: number[] = []
      for await (const { receivedAt } of gossipOf(node).history(query)) times.push(receivedAt)
      return times
    }
    expect(await timesOf(0)).toEqual(said)
    expect(await timesOf(1)).toEqual(heard)
    expect(heard.length).toBe(4)
    expect(await timesOf(1, { since: at(heard, 1) })).toEqual(heard.slice(1))
  })

  it('has no more timers while messages flow than one for each node and what it publishes', async () => {
    await mesh(3)
    let most = 0
    for (let index = 0; index < 300; index++) {
      say(index % 3, 'x')
      await settle()
      most = Math.max(most, network.clock.pending)
      network.clock.advance(1)
      most = Math.max(most, network.clock.pending)
    }
    expect(most).toBeLessThanOrEqual(2 * 3)
  })

  it('says nothing and wakes for nothing once what was said is everywhere', async () => {
    await mesh(3)
    const peer = await linkRawPeer(at(network.nodes, 0), 40)
    peer.hello()
    for (let index = 0; index < 30; index++) {
      say(index % 3, 'x')
      await pass(30)
    }
    await pass(120_000)
    const { length } = peer.frames
    expect(length).toBeGreaterThan(30)
    await pass(3_600_000)
    expect(peer.frames).toHaveLength(length)
    expect(network.clock.pending).toBe(0)
  })

  it('shows the application nothing of what neighbours tell each other', async () => {
    await mesh(1)
    const shown: string[] = []
    const { gossip } = at(network.nodes, 0)
    for (const event of ['delivery', 'gap', 'fork', 'drop', 'warning', 'published'] as const)
      gossip.on(event, () => shown.push(event))
    const room = createRoom(gossip)
    for (const event of ['message', 'gap', 'fork', 'drop', 'warning', 'query', 'direct-message', 'stream'] as const)
      room.on(event, () => shown.push(event))
    await gossip.publish(bytes('"mine"'))
    shown.length = 0
    const peer = await linkRawPeer(at(network.nodes, 0), 41)
    peer.hello()
    const range = { name: 0, first: 5, count: 2 }
    const frames: Frame[] = [
      { type: 'name', author: peer.identity.id, epoch: 1 },
      { type: 'have', ranges: [{ ...range, mark: 1 }] },
      { type: 'offer', ranges: [{ ...range, mark: 2 }] },
      { type: 'pull', ranges: [range] },
      { type: 'none', ranges: [range] },
      { type: 'prune', names: [0] },
      { type: 'graft', names: [] },
      { type: 'wanted', name: 0, first: 5, parts: [{ from: 0, to: 1 }] },
      { type: 'run', runs: [{ name: 0, first: 9, count: 4, last: 1, mark: 3 }] },
      { type: 'begin', name: 0, seq: 6 },
      { type: 'ack', from: 0, to: 1 },
    ]
    for (const frame of frames) peer.channel.send(encodeFrame(frame))
    await pass(60_000)
    expect(peer.ended()).toBeNull()
    expect(shown).toEqual([])
    await room.close()
  })
})
