// Messages of 4 MiB in a room of twenty: each node gets about one copy, cold or warm, and a node that crashes in the midst
// costs little more than what it had not passed on.

import { createIdentity, createTopic, seededRandom, sodiumCrypto } from '@hearsay/core'
import { decodeFrame, flood, trees } from '@hearsay/gossip/machine'
import { describe, expect, it } from 'vitest'
import { SimulatedNetwork } from '../src/network.js'
import { type Edge, randomOverlay } from '../src/overlay.js'
import { simulatedCrypto } from '../src/simulated-crypto.js'

const MIB = 1024 * 1024
const NODES = 20
/** 100 Mbit/s. */
const BYTES_PER_MS = 12_500

interface Run {
  readonly network: SimulatedNetwork
  /** Bytes of payload that crossed links since the last `restart`, in parts and in whole records. */
  bytes: number
  /** Of each node: what it heard, as author and number, with when. */
  readonly heard: Map<string, number>[]
  readonly gaps: unknown[]
  readonly faults: unknown[]
}

interface Room {
  readonly engine?: typeof trees | typeof flood
  readonly seed?: number
  readonly edges?: readonly Edge[]
  readonly latencyMs?: readonly [number, number]
}

function start({ engine = trees, seed = 1, edges, latencyMs = [1, 10] }: Room = {}): Run {
  const random = seededRandom(seed)
  // Hashes of large blocks are what takes time here: the real ones are faster.
  const crypto = { ...simulatedCrypto(), hash: sodiumCrypto().hash }
  const nodes = Array.from({ length: NODES }, (_, node) => node)
  const identities = nodes.map(() => createIdentity({ seed: random.bytes(32), crypto }))
  const heard = nodes.map(() => new Map<string, number>())
  const network = new SimulatedNetwork({
    ...{ topic: createTopic('large', { crypto }), identities, engine: engine(), crypto, random },
    ...{ latencyMs, path: { bytesPerMs: BYTES_PER_MS } },
    onHappening: (happening, at) => {
      if (happening.type === 'sent') run.bytes += payloadOf(happening.frame)
      else if (happening.type === 'gap') run.gaps.push(happening.gap)
      else if (happening.type === 'misbehaved') run.faults.push(happening)
      else if (happening.type === 'delivered') {
        const { author, seq, payload } = happening.delivery
        const node = identities.findIndex(({ id }) => id === author)
        heard[happening.node]?.set(`${node}/${seq}/${payload.byteLength}`, at)
      }
    },
  })
  const run: Run = { network, bytes: 0, heard, gaps: [], faults: [] }
  for (const [a, b] of edges ?? randomOverlay(nodes, 6.5, random)) network.connect(a, b)
  network.run(2_000)
  return run
}

function payloadOf(bytes: Uint8Array): number {
  const frame = decodeFrame(bytes)
  return frame.type === 'part' ? frame.chunk.byteLength : frame.type === 'record' ? frame.record.byteLength : 0
}

/** Publishes one message; answers how many bytes of payload it took, and when the nodes had heard it, ascending. */
function publish(run: Run, node: number, { seq, size }: { seq: number; size: number }) {
  const { network } = run
  run.bytes = 0
  const from = network.now
  network.publish(node, [new Uint8Array(size).fill(seq)])
  network.run(from + 20_000)
  const times = run.heard
    .map((heard) => heard.get(`${node}/${seq}/${size}`))
    .filter((at) => at !== undefined)
    .map((at) => at - from)
  return { bytes: run.bytes, times: times.sort((a, b) => a - b) }
}

describe('4 MiB at twenty nodes', () => {
  it('arrive whole with one copy each, from an author that nobody knows and from one that everybody does', () => {
    const run = start()
    for (const seq of [0, 1, 2]) {
      const { bytes, times } = publish(run, 3, { seq, size: 4 * MIB })
      expect(times).toHaveLength(NODES - 1)
      expect(bytes).toBeLessThanOrEqual(1.15 * (NODES - 1) * 4 * MIB)
    }
    expect([run.gaps, run.faults]).toEqual([[], []])
  })

  it('go from node to node before they are whole', () => {
    const chain = Array.from({ length: NODES - 1 }, (_, node): Edge => [node, node + 1])
    const { times } = publish(start({ edges: chain, latencyMs: [1, 2] }), 0, { seq: 0, size: 4 * MIB })
    const onceMs = (4 * MIB) / BYTES_PER_MS
    expect(times).toHaveLength(NODES - 1)
    // Nineteen links, one behind the other.
    expect(times[NODES - 2]).toBeLessThan(2 * onceMs)
  })

  it('arrive with the flood engine too, with less than a second copy', () => {
    const run = start({ engine: flood })
    const { bytes, times } = publish(run, 3, { seq: 0, size: 4 * MIB })
    expect(times).toHaveLength(NODES - 1)
    expect(bytes).toBeLessThan(1.25 * (NODES - 1) * 4 * MIB)
    expect([run.gaps, run.faults]).toEqual([[], []])
  })

  it.each([1, 2, 3])('reach everybody else when a node crashes in the midst (seed %i)', (seed) => {
    const run = start({ seed })
    const { network } = run
    publish(run, 3, { seq: 0, size: 4 * MIB })
    run.bytes = 0
    // Whoever passes it on to most of the others.
    const crashed = network.linkedTo(3)[0] as number
    network.publish(3, [new Uint8Array(4 * MIB).fill(1)])
    network.at(network.now + 150, () => {
      network.crash(crashed)
      // Silence is noticed later than a part that does not come.
      network.at(network.now + 10_000, () => {
        for (const node of network.linkedTo(crashed)) network.disconnect(node, crashed)
      })
    })
    const from = network.now
    network.run(from + 9_000)
    const missing = run.heard.flatMap((heard, node) => (heard.has(`3/1/${4 * MIB}`) ? [] : [node]))
    expect(missing.filter((node) => node !== 3)).toEqual([crashed])
    network.run(from + 60_000)
    expect(run.bytes).toBeLessThanOrEqual(1.15 * (NODES - 1) * 4 * MIB)
    expect([run.gaps, run.faults]).toEqual([[], []])
  })

  it('do not hold up what others say, nor what their author says in other words', () => {
    const run = start()
    const { network } = run
    for (const [seq, node] of [0, 3, 7].entries()) publish(run, node, { seq: 0, size: 10 + seq })
    const from = network.now
    network.publish(3, [new Uint8Array(4 * MIB)])
    network.at(from + 20, () => network.publish(7, [new Uint8Array(100)]))
    network.run(from + 20_000)
    for (const [node, heard] of run.heard.entries()) {
      if (node === 7 || node === 3) continue
      expect((heard.get('7/1/100') as number) - from, `node ${node}`).toBeLessThan(200)
      expect((heard.get(`3/1/${4 * MIB}`) as number) - from, `node ${node}`).toBeGreaterThan(300)
    }
  })
})
