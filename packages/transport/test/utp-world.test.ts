import { describe, expect, it } from 'vitest'
import { UtpWorld } from './utp-world.js'

const SECOND = 1e6

describe('try', () => {
  it('basic', () => {
    const world = new UtpWorld(1, { delayUs: 20_000 })
    const a = world.host('a')
    const b = world.host('b')
    b.onAccepted = (end) => { end.write(500_000) }
    const end = a.dial(b)
    end.write(1_000_000)
    world.run(120 * SECOND)
    const [other] = b.accepted
    console.log(end.log, other?.log, end.received, other?.received, end.wrongAt, other?.wrongAt, end.failure, other?.failure, end.closedAt / 1e6, other?.closedAt, a.port.counts, b.port.counts, a.sentPackets, b.sentPackets)
  })
})
