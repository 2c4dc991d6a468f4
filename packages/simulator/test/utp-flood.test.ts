// A flood of forged calls against a port of uTP, beside honest peers who want in.

import { describe, expect, it } from 'vitest'
import { UtpWorld } from '../src/index.js'

const SECOND = 1e6

/** A SYN of BEP 29: type 4, version 1. */
function syn(id: number, seq: number): Uint8Array {
  const bytes = new Uint8Array(20)
  bytes[0] = 0x41
  const view = new DataView(bytes.buffer)
  view.setUint16(2, id)
  view.setUint32(12, 1_000_000)
  view.setUint16(16, seq)
  return bytes
}

describe('a flood of forged SYNs', () => {
  it('fills a small table, gets back no more than it sends, and keeps nobody out', () => {
    const world = new UtpWorld(1, { delayUs: 20_000 })
    const [honest, victim] = [world.host('honest'), world.host('victim')]
    let [forged, flooded] = [0, 0]
    const received = new Map<string, number>()
    world.onLostPacket = ({ host }, bytes) => received.set(host, (received.get(host) ?? 0) + bytes.length)
    const flood = (): void => {
      for (let count = 0; count < 100; count++) {
        const from = {
          host: `10.${world.random.below(256)}.${world.random.below(256)}.${forged++ & 255}`,
          port: 1_024 + (forged % 60_000),
        }
        flooded += 20
        world.deliver(from, victim.remote, syn(world.random.below(65_536), forged & 0xffff))
      }
      expect(victim.port.counts.strangers).toBeLessThanOrEqual(64)
      if (world.now < 21 * SECOND) world.at(world.now + 10_000, flood)
    }
    flood()
    const took: number[] = []
    const dial = (): void => {
      const dialledAt = world.now
      const end = honest.dial(victim)
      end.write(1_000)
      victim.onAccepted = (accepted) => {
        accepted.endsWhenHeard = true
        took.push((world.now - dialledAt) / 1_000)
      }
      if (took.length < 99) world.at(world.now + 200_000, dial)
    }
    dial()
    world.run(60 * SECOND)
    took.sort((a, b) => a - b)
    console.log(`${forged} forged SYNs; honest peers in: p50 ${took[49]} ms, p99 ${took[98]} ms`)
    expect(took.length).toBeGreaterThanOrEqual(98)
    expect(took[98]).toBeLessThan(100)
    expect([...received.values()].reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(flooded)
    expect(victim.port.counts).toEqual({ connections: 0, strangers: 0, lingering: 0 })
  })
})
