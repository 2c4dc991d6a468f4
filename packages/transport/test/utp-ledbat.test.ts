// LEDBAT in virtual time, on a bottleneck of 20 Mbit/s with a deep queue and 40 ms there and back.

import { describe, expect, it } from 'vitest'
import { type End, UtpWorld } from './utp-world.js'

const SECOND = 1e6
const RATE = 20e6
const BOTTLENECK = { rate: RATE, delayUs: 20_000, queueBytes: 1_000_000 }
/** What the applications write: more than they can send. */
const PLENTY = 400e6

interface Sample {
  readonly at: number
  readonly queueMs: number
  readonly received: readonly number[]
}

/** Senders that start when they are told to, through one queue into one receiver; a sample each 100 ms. */
function share(
  seconds: number,
  startsAt: readonly number[],
  alongside: (world: UtpWorld) => void = () => {},
): Sample[] {
  const world = new UtpWorld(1, { delayUs: 20_000 })
  world.pieceBytes = 65_536
  world.isChecking = false
  const names = startsAt.map((_, index) => `sender${index}`)
  const wire = world.share([...names, 'loss-based'], 'receiver', BOTTLENECK)
  const receiver = world.host('receiver')
  const ends: End[] = []
  const samples: Sample[] = []
  for (const [index, at] of startsAt.entries()) {
    world.at(at * SECOND, () => {
      const host = world.host(names[index] ?? '')
      ends[index] = host.dial(receiver)
      ends[index]?.write(PLENTY)
    })
  }
  const measure = (): void => {
    const received = names.map((name) => receiver.accepted.find(({ remote }) => remote?.host === name)?.received ?? 0)
    samples.push({ at: world.now / SECOND, queueMs: wire.queueUs / 1_000, received })
    world.at(world.now + SECOND / 10, measure)
  }
  world.at(0, measure)
  alongside(world)
  world.run(seconds * SECOND)
  return samples
}

/** Bits a second of each sender between two times. */
function rates(samples: readonly Sample[], from: number, to: number): number[] {
  const [first, last] = [samples.find(({ at }) => at >= from), samples.findLast(({ at }) => at <= to)]
  if (!first || !last) throw new Error('measured')
  return last.received.map((bytes, index) => ((bytes - (first.received[index] ?? 0)) * 8) / (last.at - first.at))
}

function meanQueue(samples: readonly Sample[], from: number, to: number): number {
  const during = samples.filter(({ at }) => at >= from && at < to)
  return during.reduce((sum, { queueMs }) => sum + queueMs, 0) / during.length
}

/** Jain's index of fairness: 1 is equal. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0)
  return sum ** 2 / (shares.length * shares.reduce((a, b) => a + b * b, 0))
}

/** TCP Reno, as far as a queue notices: one packet more each round trip, half after a loss, whatever the delay. */
function reno(world: UtpWorld): { readonly delivered: () => number } {
  let [window, inFlight, delivered, recoverAfter, sent] = [10, 0, 0, 0, 0]
  let isSlowStart = true
  const wire = world.wire('loss-based', 'receiver')
  const packet = new Uint8Array(1_400)
  const pump = (): void => {
    while (inFlight < Math.floor(window)) {
      const number = sent++
      inFlight++
      let arrived = false
      const before = wire.carried
      wire.carry(world, 'loss-based', packet, () => {
        arrived = true
        world.at(world.now + 20_000, () => onAck())
      })
      // A full queue takes nothing; the sender hears of it a round trip later.
      if (wire.carried === before && !arrived) world.at(world.now + 40_000 + wire.queueUs, () => onLoss(number))
    }
  }
  const onAck = (): void => {
    inFlight--
    delivered += packet.length
    window += isSlowStart ? 1 : 1 / window
    pump()
  }
  const onLoss = (number: number): void => {
    inFlight--
    if (number >= recoverAfter) {
      recoverAfter = sent
      isSlowStart = false
      window = Math.max(2, window / 2)
    }
    pump()
  }
  pump()
  return { delivered: () => delivered }
}

describe('LEDBAT', () => {
  it('alone fills nine tenths of the link, with a queue of about 100 ms', () => {
    const samples = share(40, [0])
    const [rate = 0] = rates(samples, 5, 40)
    const queue = meanQueue(samples, 5, 40)
    console.log(`alone: ${(rate / 1e6).toFixed(2)} Mbit/s, queue ${queue.toFixed(0)} ms`)
    expect(rate / RATE).toBeGreaterThan(0.9)
    expect(queue).toBeGreaterThan(70)
    expect(queue).toBeLessThan(130)
  })

  it('shares fairly between two that begin together, and with one that comes later', () => {
    for (const late of [0, 0.5, 20]) {
      const samples = share(80, [0, late])
      const shares = rates(samples, 50, 80)
      console.log(
        `two, ${late} s apart: ${shares.map((each) => (each / 1e6).toFixed(1)).join(' and ')} Mbit/s, Jain ${jain(shares).toFixed(3)}, queue ${meanQueue(samples, 50, 80).toFixed(0)} ms`,
      )
      expect([late, jain(shares) >= 0.9]).toEqual([late, true])
      expect(shares.reduce((a, b) => a + b, 0) / RATE).toBeGreaterThan(0.9)
    }
  })

  it('yields to a flow that only loss can slow down', () => {
    let delivered = (): number => 0
    const samples = share(40, [0], (world) => {
      world.at(10 * SECOND, () => {
        delivered = reno(world).delivered
      })
    })
    const [ours = 0] = rates(samples, 20, 40)
    const theirs = (delivered() * 8) / 30
    console.log(`beside Reno: ours ${(ours / 1e6).toFixed(2)}, Reno ${(theirs / 1e6).toFixed(2)} Mbit/s`)
    expect(ours).toBeLessThan(theirs / 4)
  })
})
