// A reader that must lose nothing, however slow it is and whatever comes.

import type { Drop, Gap } from '@hearsay/core'
import { settle } from '@hearsay/core/memory'
import { describe, expect, it } from 'vitest'
import { createRoom, flood } from '../src/index.js'
import type { Output } from '../src/machine.js'
import { createBench, recordOf, seqsOf } from './frame-bench.js'
import {
  at,
  bytes,
  createNetwork,
  createNode,
  linkNodes,
  linkRawPeer,
  type TestNetwork,
  type TestNode,
} from './network.js'

const upTo = (to: number, from = 0): number[] => Array.from({ length: to - from }, (_, index) => from + index)

interface Scene {
  readonly network: TestNetwork
  /** Reads one, and pauses. */
  readonly slow: TestNode
  readonly told: { readonly gaps: Gap[]; readonly drops: Drop[] }
  /** Numbers of the next so many messages that it reads. */
  read(count: number): Promise<number[]>
  pass(): Promise<void>
  close(): Promise<void>
}

/** One node that reads with `pause`, of so many messages at most, linked to none of so many others. */
async function scene(others: number, capacity: number): Promise<Scene> {
  const network = createNetwork(others, flood())
  const { topic, clock } = network
  const slow = createNode({ topic, clock, seed: 90, epoch: 1, engine: flood(), more: { limits: { capacity } } })
  const told = { gaps: [] as Gap[], drops: [] as Drop[] }
  slow.gossip.on('gap', (gap) => told.gaps.push(gap))
  slow.gossip.on('drop', (drop) => told.drops.push(drop))
  const room = createRoom(slow.gossip, { encoding: 'text' })
  const reader = room.subscribe({ whenSlow: 'pause' })[Symbol.asyncIterator]()
  let waiting: ReturnType<typeof reader.next> | null = reader.next()
  const pass = async (): Promise<void> => {
    await settle()
    clock.advance(50)
    await settle()
  }
  return {
    ...{ network, slow, told, pass },
    async read(count) {
      const seqs: number[] = []
      while (seqs.length < count) {
        const { value } = await (waiting ?? reader.next())
        waiting = null
        seqs.push(value?.seq ?? -1)
        if (seqs.length % 500 === 0) await pass()
      }
      return seqs
    },
    async close() {
      await reader.return?.()
      await room.close()
      await network.close()
    },
  }
}

describe('a reader that pauses', () => {
  it('reads all of a burst of short messages that is twenty times what the history holds', async () => {
    const { network, slow, told, read, pass, close } = await scene(1, 1_000)
    await linkNodes(at(network.nodes, 0), slow)
    const published = Promise.all(upTo(20_000).map((seq) => at(network.nodes, 0).gossip.publish(bytes(`${seq}`))))
    for (let times = 0; times < 20; times++) await pass()
    expect(await read(20_000)).toEqual(upTo(20_000))
    await published
    expect(told.gaps).toEqual([])
    await close()
  })

  it('has messages handed over one by one, and the rest waits as it came', async () => {
    const { network, slow, read, pass, close } = await scene(1, 10)
    await linkNodes(at(network.nodes, 0), slow)
    const published = (async () => {
      for (const seq of upTo(500)) await at(network.nodes, 0).gossip.publish(bytes(`${seq}`))
    })()
    for (let times = 0; times < 5; times++) await pass()
    expect(slow.heard.length).toBeLessThan(10)
    const seen = await read(500)
    expect(seen).toEqual(upTo(500))
    await published
    await close()
  })

  it('reads what a peer had sent before it left', async () => {
    const { network, slow, told, read, pass, close } = await scene(1, 10)
    await linkNodes(at(network.nodes, 0), slow)
    for (const seq of upTo(300)) {
      await at(network.nodes, 0).gossip.publish(bytes(`${seq}`))
      await settle()
    }
    await at(network.nodes, 0).gossip.close()
    await pass()
    expect(slow.gossip.peers.size).toBe(0)
    expect([await read(300), told.gaps]).toEqual([upTo(300), []])
    await close()
  })

  it('misses nothing, however long it pauses', async () => {
    const { network, slow, told, read, close } = await scene(1, 10)
    await linkNodes(at(network.nodes, 0), slow)
    const say = async (...seqs: number[]): Promise<void> => {
      for (const seq of seqs) {
        await at(network.nodes, 0).gossip.publish(bytes(`${seq}`))
        await settle()
      }
    }
    await say(...upTo(9))
    await network.clock.play(60_000)
    await say(...upTo(50, 9))
    await network.clock.play(60_000)
    expect([await read(50), told.gaps]).toEqual([upTo(50), []])
    await close()
  })

  it('ends the link of a peer that sends what is too short for a record, and keeps none of it', async () => {
    const { network, slow, read, pass, close } = await scene(1, 10)
    await linkNodes(at(network.nodes, 0), slow)
    const raw = await linkRawPeer(slow, 7)
    raw.hello()
    for (const seq of upTo(30)) {
      await at(network.nodes, 0).gossip.publish(bytes(`${seq}`))
      await settle()
    }
    expect(raw.ended()).toBe(null)
    raw.channel.send(Uint8Array.of(1))
    await pass()
    expect(raw.ended()?.code).toBe('ERR_FRAME')
    expect(await read(30)).toEqual(upTo(30))
    await close()
  })

  it('loses nothing to what its own node says meanwhile, and may wait for somebody to confirm that', async () => {
    const { network, slow, read, pass, close } = await scene(1, 10)
    await linkNodes(at(network.nodes, 0), slow)
    for (const seq of upTo(30)) {
      await at(network.nodes, 0).gossip.publish(bytes(`${seq}`))
      await settle()
    }
    for (const seq of upTo(200)) await (await slow.gossip.publish(bytes(`own ${seq}`))).confirmed(1)
    await pass()
    expect(await read(30)).toEqual(upTo(30))
    await close()
  })
})

describe('a machine that takes no messages for a while', () => {
  it('gives up no hole meanwhile, for what fills it may be among those that wait', () => {
    const bench = createBench(flood, 1)
    const gapsUntil = (to: number): number[] => {
      const outputs: Output[] = []
      for (; now < to; now += 500) outputs.push(...bench.timer(now))
      return outputs.flatMap((output) => (output.type === 'gap' ? [output.gap.from] : []))
    }
    let now = 0
    for (const seq of [0, 2]) bench.record(1, recordOf(seq))
    bench.machine.handle({ type: 'flow', flowing: false }, now)
    expect(gapsUntil(600_000)).toEqual([])
    bench.machine.handle({ type: 'flow', flowing: true }, now)
    expect(seqsOf(bench.record(1, recordOf(1), now))).toEqual([1, 2])
    bench.record(1, recordOf(4), now)
    expect(gapsUntil(700_000)).toEqual([3])
  })
})

describe('a machine that takes messages for a while, and none for a while, again and again', () => {
  it.each([
    [2_000, 4_000],
    [2_000, 100],
  ])('tells a gap though its reader lags all the time (none for %i ms, some for %i)', (pauseMs, flowMs) => {
    const bench = createBench(flood, 1)
    const outputs: Output[] = []
    const passUntil = (to: number): void => {
      for (; now < to; now += 100) outputs.push(...bench.timer(now))
    }
    let now = 0
    for (const seq of [0, 2]) outputs.push(...bench.record(1, recordOf(seq)))
    while (now < 600_000) {
      for (const flowing of [false, true]) {
        outputs.push(...bench.machine.handle({ type: 'flow', flowing }, now))
        passUntil(now + (flowing ? flowMs : pauseMs))
      }
    }
    const gaps = outputs.flatMap((output) => (output.type === 'gap' ? [output.gap.from] : []))
    expect([gaps, seqsOf(outputs)]).toEqual([[1], [0, 2]])
  })

  it('waits for what fills a hole while nobody had twenty seconds in all to send it', () => {
    const bench = createBench(flood, 1)
    const outputs: Output[] = []
    let now = 0
    for (const seq of [0, 2]) outputs.push(...bench.record(1, recordOf(seq)))
    for (let times = 0; times < 7; times++) {
      for (const flowing of [false, true]) {
        outputs.push(...bench.machine.handle({ type: 'flow', flowing }, now))
        for (const end = now + (flowing ? 2_000 : 60_000); now < end; now += 100) outputs.push(...bench.timer(now))
      }
    }
    expect(seqsOf([...outputs, ...bench.record(1, recordOf(1), now)])).toEqual([0, 1, 2])
  })
})

describe('what leaves the history', () => {
  it('is told as dropped, also of a record that exceeds it alone', async () => {
    const network = createNetwork(1, flood({ capacity: 100 }))
    const { gossip, identity } = at(network.nodes, 0)
    const drops: Drop[] = []
    gossip.on('drop', (drop) => drops.push(drop))
    await Promise.all(upTo(1_000).map((seq) => gossip.publish(bytes(`${seq}`))))
    const left: number[] = []
    for await (const { seq } of gossip.history()) left.push(seq)
    expect(left).toEqual(upTo(1_000, 900))
    expect(drops).toEqual([{ author: identity.id, epoch: 1, from: 0, to: 900, reason: 'history' }])
    await network.close()
  })
})
