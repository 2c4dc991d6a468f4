// Two ports over networks that a seed chooses. UTP_SEEDS says how many seeds each family runs (1,000 by default in all).

import type { UtpLimits } from '@hearsay/transport/machine'
import { describe, expect, it } from 'vitest'
import { type PacketLinkOptions, type UtpEnd, type UtpHost, UtpWorld } from '../src/index.js'

const SECOND = 1e6
const total = Number(process.env.UTP_SEEDS ?? 1_000)
const first = Number(process.env.UTP_FIRST_SEED ?? 1)
/** What is documented: a minute without a packet, and then some for what lingers. */
const IDLE = 60 * SECOND
const LINGER = 36 * SECOND
/** What was under way when the network broke. */
const UNDER_WAY = SECOND

/** Runs so many hundredths of all seeds. */
function* seeds(percent: number): Generator<number> {
  const count = Math.max(1, Math.round((total * percent) / 100))
  for (let seed = first; seed < first + count; seed++) yield seed
}

function roughLink(world: UtpWorld): PacketLinkOptions {
  const { random } = world
  return {
    delayUs: 1 + random.below(100_000),
    jitterUs: random.below(3) === 0 ? random.below(50_000) : 0,
    lossPerMille: random.below(2) === 0 ? random.below(201) : 0,
    duplicatePerMille: random.below(3) === 0 ? random.below(100) : 0,
    ...(random.below(3) === 0
      ? { rate: 200_000 + random.below(20_000_000), queueBytes: 20_000 + random.below(200_000) }
      : {}),
  }
}

interface Meeting {
  readonly world: UtpWorld
  readonly a: UtpHost
  readonly b: UtpHost
  readonly near: UtpEnd
  /** Set when the dialling side has spoken. */
  readonly far: () => UtpEnd
}

function meet(
  seed: number,
  link: (world: UtpWorld) => PacketLinkOptions,
  onAccepted: (end: UtpEnd, world: UtpWorld) => void = () => {},
  limits: Partial<UtpLimits> = {},
): Meeting {
  const world = new UtpWorld(seed)
  world.link = link(world)
  world.pieceBytes = 1 + world.random.below(40_000)
  const [a, b] = [world.host('a', { limits }), world.host('b', { limits })]
  b.onAccepted = (end) => onAccepted(end, world)
  const near = a.dial(b)
  return { world, a, b, near, far: () => b.accepted[0] as UtpEnd }
}

const bothClosed =
  ({ near, b }: Meeting) =>
  (): boolean =>
    near.isClosed && b.accepted[0]?.isClosed === true

/**
 * True if a connection failed, with a code, since chance let nothing through for half a minute: at most one in a hundred does,
 * of networks of which half lose up to a fifth of all packets each way.
 */
function hasFailed(meeting: Meeting, seed: number): boolean {
  const { world, near, b } = meeting
  const failures = [near.failure, ...b.accepted.map(({ failure }) => failure)]
  if (b.accepted.length > 0 && failures.every((failure) => failure === null)) return false
  world.run(world.now + 2 * IDLE)
  expect([seed, near.failure ?? failures[1]]).not.toEqual([seed, null])
  expectNothingLeft(meeting, seed)
  expect(++failed).toBeLessThanOrEqual(Math.max(1, total / 100))
  return true
}
let failed = 0

function expectNothingLeft({ world, a, b }: Meeting, seed: number): void {
  world.run(world.now + LINGER)
  const nothing = { connections: 0, strangers: 0, lingering: 0 }
  expect([seed, a.port.counts, b.port.counts]).toEqual([seed, nothing, nothing])
}

describe('uTP in virtual time', () => {
  it('delivers every byte once and in order through loss, reordering, duplication and queues, both ways', () => {
    for (const seed of seeds(50)) {
      const meeting = meet(seed, roughLink, (end, world) => end.write(world.random.below(100_000)))
      const { world, near, far } = meeting
      near.write(1 + world.random.below(100_000))
      world.run(600 * SECOND, bothClosed(meeting))
      if (hasFailed(meeting, seed)) continue
      expect([seed, near.failure, far()?.failure, near.isClosed, far()?.isClosed]).toEqual([
        seed,
        null,
        null,
        true,
        true,
      ])
      expect([seed, near.wrongAt, far().wrongAt]).toEqual([seed, null, null])
      expect([seed, near.received, far().received]).toEqual([seed, far().sent, near.sent])
      expectNothingLeft(meeting, seed)
    }
  })

  it('closes one direction alone: who has ended still reads, and who has heard the end still writes', () => {
    for (const seed of seeds(10)) {
      const dialledEnds = seed % 2 === 0
      const meeting = meet(seed, roughLink, (end) => end.write(dialledEnds ? 1 : 5_000, { end: !dialledEnds }))
      const { world, near, far } = meeting
      near.write(5_000, { end: dialledEnds })
      const [quick, slow] = dialledEnds ? [() => near, far] : [far, () => near]
      world.run(300 * SECOND, () => slow()?.log.includes('end') && quick().log.includes('finished'))
      if (hasFailed(meeting, seed)) continue
      expect([seed, quick().isClosed, slow().isClosed]).toEqual([seed, false, false])
      slow().write(20_000)
      world.run(600 * SECOND, bothClosed(meeting))
      if (hasFailed(meeting, seed)) continue
      expect([seed, near.failure, far().failure, near.wrongAt, far().wrongAt]).toEqual([seed, null, null, null, null])
      expect([seed, quick().received]).toEqual([seed, slow().sent])
      expectNothingLeft(meeting, seed)
    }
  })

  it('closes both ends cleanly when both say goodbye at once', () => {
    for (const seed of seeds(10)) {
      const meeting = meet(seed, roughLink)
      const { world, near, far } = meeting
      near.write(1, { end: false })
      world.run(100 * SECOND, () => far()?.received === 1)
      if (hasFailed(meeting, seed)) continue
      for (const end of [near, far()]) end.write(0)
      world.run(300 * SECOND, bothClosed(meeting))
      if (hasFailed(meeting, seed)) continue
      expect([seed, near.failure, far().failure, near.log.at(-2), far().isClosed]).toMatchObject([
        seed,
        null,
        null,
        {},
        true,
      ])
      expectNothingLeft(meeting, seed)
    }
  })

  it('tells both sides, or the one that is left, within a minute when a peer vanishes or the network breaks', () => {
    for (const seed of seeds(10)) {
      const meeting = meet(seed, roughLink, (end) => end.write(60_000, { end: false }))
      const { world, near, far, b } = meeting
      near.write(60_000, { end: false })
      world.run(world.random.below(5 * SECOND) + 3 * SECOND)
      const accepted = far()
      if (!accepted || near.isClosed) continue
      world.link = { lossPerMille: 1_000 }
      world.share(['a'], 'b', world.link)
      world.share(['b'], 'a', world.link)
      if (seed % 2 === 0) world.hosts.delete('b')
      const brokeAt = world.now
      world.run(brokeAt + 2 * IDLE)
      expect([seed, near.failure, near.closedAt - brokeAt <= IDLE + UNDER_WAY]).toEqual([seed, 'timeout', true])
      if (seed % 2 === 1)
        expect([seed, accepted.failure, accepted.closedAt - brokeAt <= IDLE + UNDER_WAY]).toEqual([
          seed,
          'timeout',
          true,
        ])
      if (seed % 2 === 1) expect([seed, b.port.counts.connections]).toEqual([seed, 0])
    }
  })

  it('waits for a reader that stops for a minute, and keeps no more than it said', () => {
    for (const seed of seeds(3)) {
      const meeting = meet(
        seed,
        roughLink,
        (end) => {
          end.isReading = false
        },
        { receiveBufferBytes: 50_000 + seed },
      )
      const { world, a, b, near, far } = meeting
      near.write(400_000)
      world.run(60 * SECOND)
      if (hasFailed(meeting, seed)) continue
      expect([seed, near.isClosed]).toEqual([seed, false])
      const kept = b.port.report(far().handle)?.kept ?? 0
      expect([seed, kept <= 2 * (50_000 + seed), kept > 0]).toEqual([seed, true, true])
      const packets = a.sentPackets
      world.run(world.now + 60 * SECOND)
      // It is asked now and then, not again and again.
      expect([seed, a.sentPackets - packets < 100]).toEqual([seed, true])
      far().read()
      far().write(0)
      world.run(world.now + 600 * SECOND, bothClosed(meeting))
      if (hasFailed(meeting, seed)) continue
      expect([seed, near.failure, far().failure, far().wrongAt, far().received]).toEqual([
        seed,
        null,
        null,
        null,
        400_000,
      ])
      expectNothingLeft(meeting, seed)
    }
  })

  it('connects when any of the first packets is lost, and ends cleanly when any of the last is', () => {
    for (const seed of seeds(12)) {
      // Packet number seed/2 of one direction, from the first on, is lost.
      let count = 0
      const lost = seed % 30
      const from = Math.floor(seed / 30) % 2 === 0 ? 'a' : 'b'
      const meeting = meet(
        seed,
        () => ({ drop: (_, sender) => sender === from && count++ === lost }),
        (end) => end.write(3_000),
      )
      const { world, near, far } = meeting
      near.write(5_000)
      world.run(30 * SECOND, bothClosed(meeting))
      expect([seed, near.failure, far()?.failure, near.isClosed, far()?.isClosed]).toEqual([
        seed,
        null,
        null,
        true,
        true,
      ])
      expect([seed, near.received, far().received]).toEqual([seed, 3_000, 5_000])
      expectNothingLeft(meeting, seed)
    }
  })

  it('is needed after its end only by a remote that may have missed its last word, for four quiet seconds', () => {
    const world = new UtpWorld(3, { delayUs: 5_000 })
    const [a, b] = [world.host('a'), world.host('b')]
    b.onAccepted = (end) => {
      end.endsWhenHeard = true
    }
    const near = a.dial(b)
    near.write(1)
    world.run(10 * SECOND, () => near.isClosed)
    const since = a.clock
    world.run(world.now + SECOND)
    // Its goodbye acknowledged ours: what we acknowledged last may be lost, what it did is not.
    expect(a.port.counts.lingering + b.port.counts.lingering).toBe(2)
    expect([a.port.lingersUntil - since, b.port.lingersUntil]).toEqual([4 * SECOND, Number.NEGATIVE_INFINITY])
  })

  it('says its last word again to a remote that says goodbye again, and is needed for as long', () => {
    let lost = 0
    const world = new UtpWorld(3, { delayUs: 5_000 })
    const [a, b] = [world.host('a'), world.host('b')]
    const near = a.dial(b)
    near.write(1)
    world.run(SECOND)
    const [far] = b.accepted
    if (!far) throw new Error('accepted')
    // Two of the last acknowledgements are lost.
    world.share(['a'], 'b', { delayUs: 5_000, drop: () => lost++ < 2 })
    far.write(0)
    world.run(world.now + 100_000, () => near.isClosed)
    const since = a.clock
    world.run(world.now + 20 * SECOND, () => far.isClosed)
    expect([near.failure, far.isClosed, far.failure, lost]).toEqual([null, true, null, 3])
    expect(a.port.lingersUntil - since).toBeGreaterThan(4 * SECOND)
    expect(a.port.lingersUntil - a.clock).toBeGreaterThan(3 * SECOND)
  })

  it('throws nothing, ends in time and leaves nothing when bits of headers flip unseen', () => {
    for (const seed of seeds(5)) {
      const meeting = meet(
        seed,
        (world) => ({ ...roughLink(world), corruptPerMille: 50 }),
        (end) => end.write(30_000),
      )
      const { world, near, b } = meeting
      near.write(30_000)
      world.run(600 * SECOND)
      expect([seed, near.isClosed, b.accepted.every(({ isClosed }) => isClosed)]).toEqual([seed, true, true])
      expectNothingLeft(meeting, seed)
    }
  })

  it('carries sequence numbers and ids across their wrap-around', () => {
    for (const start of [65_535, 65_534, 65_500, 0, 1]) {
      const world = new UtpWorld(1, { delayUs: 5_000, lossPerMille: 20 })
      const random = {
        ...world.random,
        below: (limit: number) => (limit === 65_536 ? start : world.random.below(limit)),
      }
      const [a, b] = [world.host('a', { random }), world.host('b')]
      b.onAccepted = (end) => end.write(200_000)
      const near = a.dial(b)
      near.write(200_000)
      world.run(60 * SECOND)
      expect([start, near.failure, near.received, b.accepted[0]?.received]).toEqual([start, null, 200_000, 200_000])
    }
  })

  it('carries more than all sequence numbers in one connection', () => {
    const world = new UtpWorld(7, { delayUs: 1_000, lossPerMille: 1 })
    const [a, b] = [world.host('a'), world.host('b')]
    const near = a.dial(b)
    world.pieceBytes = 50
    const bytes = 65_536 * 50 + 1
    near.write(bytes)
    world.run(600 * SECOND, () => b.accepted[0]?.received === bytes)
    expect([near.failure, b.accepted[0]?.received, b.accepted[0]?.wrongAt]).toEqual([null, bytes, null])
  })
})
