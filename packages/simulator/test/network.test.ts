// Links over bad paths, and nodes that stop and start: what the parts of a network promise.

import { createIdentity, createTopic, seededRandom } from '@hearsay/core'
import { decodeFrame, type Engine, flood, trees } from '@hearsay/gossip/machine'
import { describe, expect, it } from 'vitest'
import { type Happening, type NetworkOptions, SimulatedNetwork, simulatedCrypto } from '../src/index.js'
import { PATIENCE_MS, Path } from '../src/network/path.js'

describe('a path', () => {
  const arrivals = (path: Path, count: number): number[] =>
    Array.from({ length: count }, (_, index) => path.arrival(300, index * 10))

  it('without faults takes its latency', () => {
    expect(arrivals(new Path(25, seededRandom(1)), 3)).toEqual([25, 35, 45])
  })

  it('that loses packets repeats them later, keeps order, and gives up for good when it is too far behind', () => {
    const times = arrivals(new Path(25, seededRandom(1), { loss: 0.5, reorder: 0.3 }), 500)
    expect(times.some((at, index) => at - index * 10 >= 225)).toBe(true)
    expect(times.every((at, index) => at >= index * 10 + 25)).toBe(true)
    expect(times.every((at, index) => index === 0 || at >= (times[index - 1] as number))).toBe(true)
    const stuck = times.indexOf(Number.POSITIVE_INFINITY)
    expect(times.slice(stuck >= 0 ? stuck : times.length).every((at) => at === Number.POSITIVE_INFINITY)).toBe(true)
    const dead = arrivals(new Path(25, seededRandom(1), { loss: 0.9 }), 200)
    expect(dead.at(-1)).toBe(Number.POSITIVE_INFINITY)
    expect(dead.every((at, index) => at === Number.POSITIVE_INFINITY || at - index * 10 <= PATIENCE_MS)).toBe(true)
  })

  it('with a rate takes one after the other, and duplicates cost the line', () => {
    const [plain, doubled] = [0, 0.9].map((duplicate) =>
      arrivals(new Path(10, seededRandom(2), { bytesPerMs: 1, duplicate }), 20),
    ) as [number[], number[]]
    expect(plain.at(-1)).toBe(20 * 360 + 10)
    expect(doubled.at(-1)).toBeGreaterThan(30 * 360)
  })
})

describe('a network of two', () => {
  const crypto = simulatedCrypto()
  const identities = [1, 2].map((seed) => createIdentity({ seed: new Uint8Array(32).fill(seed), crypto }))

  function create(options: Partial<NetworkOptions> = {}): { network: SimulatedNetwork; happened: Happening[] } {
    const happened: Happening[] = []
    const network = new SimulatedNetwork({
      ...{ topic: createTopic('two', { crypto }), identities, crypto, random: seededRandom(1), engine: flood() },
      ...{ latencyMs: [5, 6], onHappening: (happening) => happened.push(happening), ...options },
    })
    return { network, happened }
  }

  const delivered = (happened: readonly Happening[]): number[] =>
    happened.flatMap((one) => (one.type === 'delivered' && one.node === 1 ? [one.delivery.seq] : []))

  it('sends a frozen node no more than its window, and the rest when it goes on', () => {
    const { network, happened } = create()
    network.connect(0, 1)
    network.at(100, () => network.freeze(1))
    for (let index = 0; index < 40; index++) network.at(200 + index, () => network.publish(0, [new Uint8Array(20_000)]))
    network.run(5_000)
    expect(delivered(happened)).toEqual([])
    expect(network.memory.ofOneLink).toBeGreaterThan(262_144 - 20_000)
    expect(network.memory.ofOneLink).toBeLessThan(262_144 + 21_000)
    network.thaw(1)
    network.run(20_000)
    expect(delivered(happened)).toEqual(Array.from({ length: 40 }, (_, seq) => seq))
    expect(happened.filter(({ type }) => type === 'broke')).toEqual([])
  })

  it('holds back what cannot pass one way, and lets it go in order', () => {
    let isOpen = true
    const { network, happened } = create({ reach: (from) => from !== 0 || isOpen })
    network.connect(0, 1)
    network.at(100, () => {
      isOpen = false
    })
    for (let index = 0; index < 5; index++) network.at(200 + index, () => network.publish(0, [new Uint8Array(10)]))
    network.run(1_000)
    expect(delivered(happened)).toEqual([])
    isOpen = true
    network.reachChanged()
    network.run(2_000)
    expect(delivered(happened)).toEqual([0, 1, 2, 3, 4])
  })

  it('lets nothing that is on its way when the bar is lifted overtake what was held back', () => {
    let isOpen = true
    const came: number[] = []
    const engine: Engine = {
      ...flood(),
      createMachine(context) {
        const machine = flood().createMachine(context)
        const handle: typeof machine.handle = (input, now) => {
          if (input.type === 'frame') came.push(input.frame.byteLength)
          return machine.handle(input, now)
        }
        return { handle }
      },
    }
    const { network, happened } = create({ engine, reach: (from) => from !== 0 || isOpen })
    network.connect(0, 1)
    network.at(100, () => {
      isOpen = false
    })
    for (let index = 0; index < 5; index++) network.at(200, () => network.publish(0, [new Uint8Array(10 + index)]))
    // On its way, so it comes to the bar when that has just been lifted.
    network.at(298, () => network.publish(0, [new Uint8Array(20)]))
    network.at(300, () => {
      isOpen = true
      network.reachChanged()
    })
    network.run(90)
    came.length = 0
    network.run(2_000)
    const sent = happened.flatMap((one) => (one.type === 'sent' && one.node === 0 ? [one.bytes] : []))
    const toOther = came.filter((bytes) => sent.includes(bytes))
    expect(toOther).toEqual(sent.slice(-toOther.length))
    expect(toOther).toHaveLength(6)
  })

  it('starts a crashed node again in another epoch, with nothing of what it had', () => {
    const { network, happened } = create({ engine: trees() })
    network.connect(0, 1)
    network.at(100, () => network.publish(1, [new Uint8Array(1)]))
    network.at(200, () => network.crash(1))
    network.at(300, () => network.restart(1))
    network.at(310, () => network.connect(0, 1))
    network.at(500, () => network.publish(1, [new Uint8Array(1)]))
    network.run(2_000)
    const heard = happened.flatMap((one) => (one.type === 'delivered' ? [one.delivery] : []))
    expect(heard.map(({ epoch, seq }) => [epoch, seq])).toEqual([
      [1, 0],
      [2, 0],
    ])
    expect(network.nodes[1]?.life).toBe(2)
  })

  it('shows what a stepped clock says in what is published, within what a date can hold', () => {
    const times: number[] = []
    const { network } = create({
      wallMs: 1_000_000,
      onHappening: (one) => one.type === 'delivered' && times.push(one.delivery.time),
    })
    network.connect(0, 1)
    for (const byMs of [0, -1e15, 2e16]) {
      network.stepClock(0, byMs)
      network.run(network.now + 100)
      network.publish(0, [new Uint8Array(1)])
      network.run(network.now + 100)
    }
    expect(times[0]).toBeGreaterThanOrEqual(1_000_000)
    expect(times.slice(1)).toEqual([0, 8.64e15])
  })

  it('cuts the link of who sends beyond the window, as a channel does', () => {
    const engine = {
      ...flood(),
      createMachine: (context: Parameters<ReturnType<typeof flood>['createMachine']>[0]) => {
        const inner = flood().createMachine(context)
        return {
          handle: (input: Parameters<typeof inner.handle>[0], now: number) =>
            inner.handle(input.type === 'peer-up' ? { ...input, window: 2 ** 40 } : input, now),
        }
      },
    }
    const { network, happened } = create({ engine, windowBytes: 500 })
    network.connect(0, 1)
    for (let index = 0; index < 20; index++) network.at(100, () => network.publish(0, [new Uint8Array(200)]))
    network.run(1_000)
    expect(happened).toContainEqual({ type: 'broke', node: 0, rule: 'a frame beyond the window' })
    expect(network.isLinked(0, 1)).toBe(false)
    expect(
      happened.filter((one) => one.type === 'sent' && decodeFrame(one.frame).type === 'record').length,
    ).toBeLessThan(6)
  })
})
